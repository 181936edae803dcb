/** A socket of the batch driver in a loop of its own, with nothing else: what this machine's limit is. */
import {
  Arena,
  bindSocket,
  loadSystemCalls,
  type Pollable,
  Poller,
  ReceiveBatch,
  receiveBatchBytes,
  SendBatch,
  type Sender,
  sendBatchBytes,
} from "@fractal-punch/udp/batch";

/** What is done with a datagram, in `memory` from `start` to `end`, and where it came from, as address words. */
export type Handle = (
  out: { readonly batch: SendBatch; readonly sender: Sender },
  memory: Uint8Array,
  from: Uint32Array,
  start: number,
  end: number,
) => void;

const pollMs = 1_000;

/** Prints its port, and serves as long as the process that started it lives. */
export function runBare(handle: Handle): void {
  const calls = loadSystemCalls();
  if (typeof calls === "string") throw new Error(`there is no batch driver here: ${calls}`);
  const arena = new Arena(calls, receiveBatchBytes + sendBatchBytes);
  const received = new ReceiveBatch(calls, arena);
  const batch = new SendBatch(calls, arena);
  const poller = new Poller(calls);
  const socket = bindSocket(calls, { family: 4, port: 0, local: { family: 4, ip: 0x7f00_0001, port: 0 } });
  if (typeof socket === "string") throw new Error(socket);
  const { fd, segments } = socket;
  const sender: Sender = {
    fd,
    segments,
    keepWhole: () => undefined,
    wait: () => undefined,
    failed: () => undefined,
  };
  const out = { batch, sender };
  const readable = (): void => {
    const count = received.fill(fd);
    for (let i = 0; i < count; i++) {
      if (!received.read(i)) continue;
      const { start, end, segmentBytes, from } = received;
      for (let at = start; at < end; at += segmentBytes)
        handle(out, arena.bytes, from, at, Math.min(at + segmentBytes, end));
    }
    batch.flush();
  };
  const pollable: Pollable = { fd, readable, writable: () => undefined };
  poller.add(pollable);
  console.log(JSON.stringify({ event: "listening", port: socket.local.port }));
  const parent = process.ppid;
  while (process.ppid === parent) poller.poll(pollMs);
}
