/** Token buckets by key. Those that are full again may be dropped. */
import { BucketRate, type Rate } from "./bucket.ts";
import { Generations, type Table } from "./generations.ts";

export class Buckets<Key> {
  readonly #rate: BucketRate;
  readonly #maximum: number;
  readonly #fullAt: Generations<Key, number>;
  /** The one bucket of all keys that found the table full. */
  #overflowFullAt = -Infinity;

  constructor(rate: Rate, maximum: number, make?: () => Table<Key, number>) {
    this.#rate = new BucketRate(rate);
    this.#maximum = maximum;
    this.#fullAt = new Generations(Math.max(rate.burst * this.#rate.msPerToken, 1000), make);
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** Whether that many tokens are there; takes none. */
  admits(now: number, key: Key, tokens: number = 1): boolean {
    return this.#rate.holds(now, this.#fullAtOf(this.#fullAt.get(now, key)), tokens);
  }

  /** Takes tokens whether they are there or not; a bucket never owes any. */
  charge(now: number, key: Key, tokens: number = 1): void {
    this.#charge(now, key, this.#fullAt.get(now, key), tokens);
  }

  /** Takes a token if one is there. */
  take(now: number, key: Key): boolean {
    const known = this.#fullAt.get(now, key);
    if (!this.#rate.holds(now, this.#fullAtOf(known), 1)) return false;
    this.#charge(now, key, known, 1);
    return true;
  }

  /** `known`: what the table has of it. */
  #charge(now: number, key: Key, known: number | undefined, tokens: number): void {
    const fullAt = this.#rate.fullAtAfter(now, this.#fullAtOf(known), tokens);
    if (this.#overflows(known)) this.#overflowFullAt = fullAt;
    else this.#fullAt.set(now, key, fullAt);
  }

  /** The time at which the bucket is full again. */
  #fullAtOf(known: number | undefined): number {
    return this.#overflows(known) ? this.#overflowFullAt : (known ?? -Infinity);
  }

  #overflows(known: number | undefined): boolean {
    return known === undefined && this.#fullAt.size >= this.#maximum;
  }
}
