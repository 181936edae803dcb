/**
 * Token buckets by key, in one number each: the time at which the bucket is full again (the generic cell rate algorithm
 * of ITU-T I.371). A bucket that is full is as good as none, so entries may be dropped once their time has come.
 */
import { Generations } from "./generations.ts";

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Sums of fractions of ms are not exact. */
const rounding = 0.001;

export class Buckets<Key> {
  readonly #msPerToken: number;
  readonly #burst: number;
  readonly #maximum: number;
  readonly #fullAt: Generations<Key, number>;
  /** The one bucket of all keys that found the table full. */
  #overflowFullAt = -Infinity;

  constructor(rate: Rate, maximum: number) {
    this.#msPerToken = 1000 / rate.perSecond;
    this.#burst = rate.burst;
    this.#maximum = maximum;
    this.#fullAt = new Generations(Math.max(rate.burst * this.#msPerToken, 1000));
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** Whether that many tokens are there; takes none. */
  admits(now: number, key: Key, tokens: number = 1): boolean {
    const missing = Math.max(this.#fullAtOf(now, key) - now, 0) / this.#msPerToken;
    return missing + tokens <= this.#burst + rounding;
  }

  /** Takes tokens whether they are there or not; a bucket never owes any. */
  charge(now: number, key: Key, tokens: number = 1): void {
    const fullAt = Math.max(this.#fullAtOf(now, key), now) + tokens * this.#msPerToken;
    const capped = Math.min(fullAt, now + this.#burst * this.#msPerToken);
    if (this.#overflows(now, key)) this.#overflowFullAt = capped;
    else this.#fullAt.set(now, key, capped);
  }

  /** Takes a token if one is there. */
  take(now: number, key: Key): boolean {
    if (!this.admits(now, key)) return false;
    this.charge(now, key);
    return true;
  }

  /** The time at which the bucket is full again. */
  #fullAtOf(now: number, key: Key): number {
    return this.#overflows(now, key) ? this.#overflowFullAt : (this.#fullAt.get(now, key) ?? -Infinity);
  }

  #overflows(now: number, key: Key): boolean {
    return this.#fullAt.get(now, key) === undefined && this.#fullAt.size >= this.#maximum;
  }
}
