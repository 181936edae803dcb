/** The parts of the batch driver, for threads and programs that run them in a loop of their own. Linux only. */
export { Arena } from "./arena.ts";
export { runForwardingThread } from "./forwarding-thread.ts";
export type { LoneDatagram } from "./lone-datagram.ts";
export type { Manner, Sender } from "./outgoing-messages.ts";
export { type Pollable, Poller } from "./poller.ts";
export { probe } from "./probe.ts";
export { maxMessages, ReceiveBatch, receiveBatchBytes } from "./receive-batch.ts";
export { SendBatch, sendBatchBytes } from "./send-batch.ts";
export { type BoundSocket, bindSocket } from "./socket.ts";
export { errorName, loadSystemCalls, type SystemCalls } from "./system-calls.ts";
export type { ThreadTask } from "./thread-task.ts";
