/** The program of a forwarding thread of the server. */
import { workerData } from "node:worker_threads";
import { runForwardingThread, type ThreadTask } from "@fractal-punch/udp/batch";
import { type ForwardingTask, openForwarder } from "./core/index.ts";

const { task, forwarding }: { readonly task: ForwardingTask; readonly forwarding: ThreadTask } = workerData;
runForwardingThread(openForwarder(task), forwarding);
