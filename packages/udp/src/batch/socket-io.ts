import { Arena } from "./arena.ts";
import { type Pollable, Poller } from "./poller.ts";
import { ReceiveBatch, receiveBatchBytes } from "./receive-batch.ts";
import { SendBatch, sendBatchBytes } from "./send-batch.ts";
import type { SystemCalls } from "./system-calls.ts";

/** What all sockets of one thread share: memory for what comes and goes, and the poller. */
export class SocketIo {
  readonly calls: SystemCalls;
  /** The clock of the machine that the datagrams are for, in ms. */
  readonly now: () => number;
  readonly arena: Arena;
  readonly received: ReceiveBatch;
  readonly outgoing: SendBatch;
  protected readonly poller: Poller;

  /** Throws when the system has no poller for it. */
  constructor(calls: SystemCalls, now: () => number) {
    this.calls = calls;
    this.now = now;
    this.arena = new Arena(calls, receiveBatchBytes + sendBatchBytes);
    this.received = new ReceiveBatch(calls, this.arena);
    this.outgoing = new SendBatch(calls, this.arena);
    this.poller = new Poller(calls);
  }

  add(one: Pollable): void {
    this.poller.add(one);
  }

  /** To be called before its descriptor is closed. */
  remove(one: Pollable): void {
    this.poller.remove(one);
  }

  watchWritable(one: Pollable, isWatched: boolean): void {
    this.poller.watchWritable(one, isWatched);
  }

  /** Waits for at most so long, and lets what is ready be read and written. What was put into `outgoing` leaves. */
  poll(timeoutMs: number): void {
    try {
      this.poller.poll(timeoutMs);
    } finally {
      this.outgoing.flush();
    }
  }
}
