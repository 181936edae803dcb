/** The sockets of the thread that has the event loop. */

import { monotonicNow } from "../primitives.ts";
import { AddressBook } from "./address-book.ts";
import type { Pollable } from "./poller.ts";
import { probe } from "./probe.ts";
import { SocketIo } from "./socket-io.ts";
import { type LoopWatch, loadSystemCalls, type SystemCalls } from "./system-calls.ts";
import { Views } from "./views.ts";

export class BatchIo extends SocketIo {
  /** For people: what of it works here. */
  readonly works: string;
  readonly addresses: AddressBook = new AddressBook();
  readonly views: Views;
  readonly #loop: LoopWatch;
  #isPolling = false;
  #isFlushQueued = false;

  /** Throws when the system or the event loop does not play along. */
  constructor(calls: SystemCalls, works: string) {
    super(calls, monotonicNow);
    this.works = works;
    this.views = new Views(this.arena.bytes);
    this.#loop = calls.watch(this.poller.fd, () => this.#turn());
  }

  /** As long as there is one, the process goes on. */
  override add(one: Pollable): void {
    super.add(one);
    this.#loop.hold();
  }

  override remove(one: Pollable): void {
    super.remove(one);
    if (this.poller.size === 0) this.#loop.release();
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

  #turn(): void {
    this.#isPolling = true;
    try {
      this.poll(0);
    } finally {
      this.#isPolling = false;
    }
  }
}

let shared: BatchIo | string | undefined;

/** The one of this process, or why there can be none. */
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
