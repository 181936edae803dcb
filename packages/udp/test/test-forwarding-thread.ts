/** The program of a forwarding thread whose forwarder does what the datagram's fifth byte says. */
import { workerData } from "node:worker_threads";
import type { Forwarder } from "@fractal-punch/machine";
import { runForwardingThread, type ThreadTask } from "@fractal-punch/udp/batch";

export interface TestTask {
  /** Where to. */
  readonly route: Uint32Array;
  /** In what the thread puts before the bytes. */
  readonly index: number;
}

const { task, forwarding }: { readonly task: TestTask; readonly forwarding: ThreadTask } = workerData;

const forwarder: Forwarder = {
  take(_now, port, _from, memory, start, end, out) {
    if (end - start < 4 || (memory[start] ?? 0) >> 6 !== 1) return false;
    const what = String.fromCharCode(memory[start + 4] ?? 0);
    if (what === "!") throw new Error("planted");
    if (what === "?") return false;
    out.passBehind(port, task.route, 0, 0x7468_7230 + task.index, start + 4, end);
    return true;
  },
};

runForwardingThread(forwarder, forwarding);
