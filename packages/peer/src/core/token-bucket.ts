/** A limit on how often something happens: up to `max` times at once, and once more after each gap. */
export class TokenBucket {
  readonly #max: number;
  readonly #gapMs: number;
  #tokens: number;
  #countedAtMs = 0;

  constructor(max: number, gapMs: number) {
    this.#max = max;
    this.#gapMs = gapMs;
    this.#tokens = max;
  }

  /** Takes one token; false when there is none. */
  take(now: number): boolean {
    const tokens = Math.min(this.#tokens + (now - this.#countedAtMs) / this.#gapMs, this.#max);
    if (tokens < 1) return false;
    this.#tokens = tokens - 1;
    this.#countedAtMs = now;
    return true;
  }
}
