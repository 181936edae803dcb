/** The wall clock as the driver last told it; a machine's own time is monotonic. */
export class Clock {
  #offsetMs = 0;

  set(now: number, epochMs: number): void {
    this.#offsetMs = epochMs - now;
  }

  /** ms since 1970 at `now`. */
  epochMs(now: number): number {
    return now + this.#offsetMs;
  }

  /** A machine's time, at most 1 ms late, at which the wall clock will show `epochMs` if nobody sets it. */
  at(epochMs: number): number {
    return epochMs - this.#offsetMs + 1;
  }
}
