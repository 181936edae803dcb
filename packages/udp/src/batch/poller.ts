/** Which sockets can be read or written: one epoll descriptor for all of a thread's. */
import { errorName, type SystemCalls } from "./system-calls.ts";

export interface Pollable {
  readonly fd: number;
  readable(): void;
  writable(): void;
}

const closeOnExec = 0o2000000;
const operation = { add: 1, remove: 2, change: 3 } as const;
const readable = 0x001;
const writable = 0x004;
const failed = 0x008;

/** struct epoll_event is packed on x86-64 only. */
const eventBytes: number = process.arch === "x64" ? 12 : 16;
const dataAt: number = process.arch === "x64" ? 4 : 8;
const maxEvents = 64;

export class Poller {
  readonly fd: number;
  readonly #calls: SystemCalls;
  readonly #byFd = new Map<number, Pollable>();
  readonly #events = new DataView(new ArrayBuffer(maxEvents * eventBytes));
  readonly #eventBytes = new Uint8Array(this.#events.buffer);

  /** Throws when the system gives no descriptor. */
  constructor(calls: SystemCalls) {
    this.#calls = calls;
    this.fd = calls.epollCreate(closeOnExec);
    if (this.fd < 0) throw new Error(`epoll_create1: ${errorName(calls.error())}`);
  }

  get size(): number {
    return this.#byFd.size;
  }

  /** Throws when the system will not watch it. */
  add(one: Pollable): void {
    this.#control(operation.add, one.fd, readable);
    this.#byFd.set(one.fd, one);
  }

  /** From now on it is told, or not told any more, when it can be written. */
  watchWritable(one: Pollable, isWatched: boolean): void {
    this.#control(operation.change, one.fd, isWatched ? readable | writable : readable);
  }

  /** To be called before the descriptor is closed. */
  remove(one: Pollable): void {
    if (this.#byFd.get(one.fd) !== one) return;
    this.#byFd.delete(one.fd);
    this.#control(operation.remove, one.fd, 0);
  }

  /** Tells those that are ready, waiting for at most so long. */
  poll(timeoutMs: number): void {
    const count = this.#calls.epollWait(this.fd, this.#eventBytes, maxEvents, timeoutMs);
    for (let i = 0; i < count; i++) {
      const events = this.#events.getUint32(i * eventBytes, true);
      const one = this.#byFd.get(this.#events.getInt32(i * eventBytes + dataAt, true));
      if ((events & (writable | failed)) !== 0) one?.writable();
      if ((events & (readable | failed)) !== 0) one?.readable();
    }
  }

  #control(what: number, fd: number, events: number): void {
    const event = new DataView(new ArrayBuffer(16));
    event.setUint32(0, events, true);
    event.setInt32(dataAt, fd, true);
    const result = this.#calls.epollControl(this.fd, what, fd, new Uint8Array(event.buffer));
    if (result < 0) throw new Error(`epoll_ctl: ${errorName(this.#calls.error())}`);
  }
}
