/** Waits for several descriptors and for a time, in one call of the system and without Node's event loop. */
import type { SystemCalls } from "./system-calls.ts";

const descriptorBytes = 8;
const readable = 1;
/** POLLERR, POLLHUP and POLLNVAL, which are told unasked. */
const ended = 0x38;
const longestMs = 1000;

export class PollSet {
  readonly #calls: SystemCalls;
  readonly #timeout = new Uint8Array(16);
  readonly #timeoutView = new DataView(this.#timeout.buffer);
  #descriptors = new Uint8Array(0);
  #view = new DataView(this.#descriptors.buffer);

  constructor(calls: SystemCalls) {
    this.#calls = calls;
  }

  /** Which descriptors are watched from now on. */
  watch(fds: readonly number[]): void {
    this.#descriptors = new Uint8Array(fds.length * descriptorBytes);
    this.#view = new DataView(this.#descriptors.buffer);
    for (const [index, fd] of fds.entries()) {
      this.#view.setInt32(index * descriptorBytes, fd, true);
      this.#view.setInt16(index * descriptorBytes + 4, readable, true);
    }
  }

  /** Waits until something can be read, at most `ms`, which may be `Infinity` and is cut to a second. */
  wait(ms: number): void {
    const cutMs = Math.max(0, Math.min(ms, longestMs));
    const seconds = Math.floor(cutMs / 1000);
    this.#timeoutView.setBigInt64(0, BigInt(seconds), true);
    this.#timeoutView.setBigInt64(8, BigInt(Math.floor((cutMs - seconds * 1000) * 1e6)), true);
    this.#calls.ppoll(this.#descriptors, this.#descriptors.length / descriptorBytes, this.#timeout, null);
  }

  /** Whether the descriptor at that place of `watch` can be read, or has ended, since the last `wait`. */
  isReady(index: number): boolean {
    return (this.#view.getInt16(index * descriptorBytes + 6, true) & (readable | ended)) !== 0;
  }
}
