/** When a question to the other end is sent, and sent again: a few times, with gaps that fit the round trip and double. */
import { firstRepeatMs, maxSends } from "./timing.ts";

export class Repeats {
  /** `Infinity` while there is nothing to send. */
  dueAtMs: number = Infinity;
  #left = 0;
  #gapMs = 0;

  start(now: number): void {
    this.dueAtMs = now;
    this.#left = maxSends;
    this.#gapMs = 0;
  }

  stop(): void {
    this.dueAtMs = Infinity;
  }

  /** Says whether to send (again) now; `rttMs`: the round trip, when it is known. */
  take(now: number, rttMs: number | undefined): boolean {
    if (now < this.dueAtMs) return false;
    this.#left--;
    this.#gapMs = Math.max(firstRepeatMs, 1.5 * (rttMs ?? 0), 2 * this.#gapMs);
    this.dueAtMs = this.#left > 0 ? now + this.#gapMs : Infinity;
    return true;
  }
}
