/** What the batch ports of one thread share: memory, poller, and what waits to be sent. */
import { AddressBook } from "./address-book.ts";
import { Arena } from "./arena.ts";
import { type Pollable, Poller } from "./poller.ts";
import { probe } from "./probe.ts";
import { ReceiveBatch, receiveBatchBytes } from "./receive-batch.ts";
import { SendBatch, sendBatchBytes } from "./send-batch.ts";
import { type LoopWatch, loadSystemCalls, type SystemCalls } from "./system-calls.ts";
import { Views } from "./views.ts";

export class BatchIo {
  readonly calls: SystemCalls;
  /** For people: what of it works here. */
  readonly works: string;
  readonly arena: Arena;
  readonly received: ReceiveBatch;
  readonly outgoing: SendBatch;
  readonly addresses: AddressBook = new AddressBook();
  readonly views: Views;
  readonly #poller: Poller;
  readonly #loop: LoopWatch;
  #isPolling = false;
  #isFlushQueued = false;

  /** Throws when the system or the event loop does not play along. */
  constructor(calls: SystemCalls, works: string) {
    this.calls = calls;
    this.works = works;
    this.arena = new Arena(calls, receiveBatchBytes + sendBatchBytes);
    this.received = new ReceiveBatch(calls, this.arena);
    this.outgoing = new SendBatch(calls, this.arena);
    this.views = new Views(this.arena.bytes);
    this.#poller = new Poller(calls);
    this.#loop = calls.watch(this.#poller.fd, () => this.#poll());
  }

  add(one: Pollable): void {
    this.#poller.add(one);
    this.#loop.hold();
  }

  /** To be called before its descriptor is closed. */
  remove(one: Pollable): void {
    this.#poller.remove(one);
    if (this.#poller.size === 0) this.#loop.release();
  }

  watchWritable(one: Pollable, isWatched: boolean): void {
    this.#poller.watchWritable(one, isWatched);
  }

  /** What was put into `outgoing` leaves: with the batch that is being received, or else when what runs now has returned. */
  flushSoon(): void {
    if (this.#isPolling || this.#isFlushQueued) return;
    this.#isFlushQueued = true;
    queueMicrotask(() => {
      this.#isFlushQueued = false;
      this.outgoing.flush();
    });
  }

  #poll(): void {
    this.#isPolling = true;
    try {
      this.#poller.poll(0);
    } finally {
      this.#isPolling = false;
      this.outgoing.flush();
    }
  }
}

let shared: BatchIo | string | undefined;

/** The one of this thread, or why there can be none. */
export function sharedBatchIo(): BatchIo | string {
  shared ??= openBatchIo(loadSystemCalls());
  return shared;
}

function openBatchIo(calls: SystemCalls | string): BatchIo | string {
  if (typeof calls === "string") return calls;
  try {
    const probed = probe(calls);
    return typeof probed === "string" ? probed : new BatchIo(calls, probed.works);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
