/**
 * Token buckets by key, in one number each: the time at which the bucket is full again (the generic cell rate algorithm
 * of ITU-T I.371). A bucket that is full is as good as none, so entries may be dropped once their time has come.
 */
import { Generations, type Table } from "./generations.ts";

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

  constructor(rate: Rate, maximum: number, make?: () => Table<Key, number>) {
    this.#msPerToken = 1000 / rate.perSecond;
    this.#burst = rate.burst;
    this.#maximum = maximum;
    this.#fullAt = new Generations(Math.max(rate.burst * this.#msPerToken, 1000), make);
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** Whether that many tokens are there; takes none. */
  admits(now: number, key: Key, tokens: number = 1): boolean {
    return this.#holds(now, this.#fullAtOf(this.#fullAt.get(now, key)), tokens);
  }

  /** Takes tokens whether they are there or not; a bucket never owes any. */
  charge(now: number, key: Key, tokens: number = 1): void {
    this.#charge(now, key, this.#fullAt.get(now, key), tokens);
  }

  /** Takes a token if one is there. */
  take(now: number, key: Key): boolean {
    const known = this.#fullAt.get(now, key);
    if (!this.#holds(now, this.#fullAtOf(known), 1)) return false;
    this.#charge(now, key, known, 1);
    return true;
  }

  #holds(now: number, fullAt: number, tokens: number): boolean {
    const missing = Math.max(fullAt - now, 0) / this.#msPerToken;
    return missing + tokens <= this.#burst + rounding;
  }

  /** `known`: what the table has of it. */
  #charge(now: number, key: Key, known: number | undefined, tokens: number): void {
    const fullAt = Math.max(this.#fullAtOf(known), now) + tokens * this.#msPerToken;
    const capped = Math.min(fullAt, now + this.#burst * this.#msPerToken);
    if (this.#overflows(known)) this.#overflowFullAt = capped;
    else this.#fullAt.set(now, key, capped);
  }

  /** The time at which the bucket is full again. */
  #fullAtOf(known: number | undefined): number {
    return this.#overflows(known) ? this.#overflowFullAt : (known ?? -Infinity);
  }

  #overflows(known: number | undefined): boolean {
    return known === undefined && this.#fullAt.size >= this.#maximum;
  }
}
