/**
 * A token bucket in one number: the time at which it is full again (the generic cell rate algorithm of ITU-T I.371). One
 * that is full is as good as none.
 */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Sums of fractions of ms are not exact. */
const rounding = 0.001;

/** A rate, as what is reckoned with. */
export class BucketRate {
  readonly msPerToken: number;
  readonly burst: number;

  constructor({ perSecond, burst }: Rate) {
    this.msPerToken = 1000 / perSecond;
    this.burst = burst;
  }

  /** Whether a bucket has so many tokens. */
  holds(now: number, fullAt: number, tokens: number): boolean {
    const missing = Math.max(fullAt - now, 0) / this.msPerToken;
    return missing + tokens <= this.burst + rounding;
  }

  /** When it is full again once they are taken, whether they are there or not; a bucket never owes any. */
  fullAtAfter(now: number, fullAt: number, tokens: number): number {
    return Math.min(Math.max(fullAt, now) + tokens * this.msPerToken, now + this.burst * this.msPerToken);
  }
}

/** Kept by whom it is of; `Buckets` are those that are found by a key. */
export class Bucket {
  #fullAt = -Infinity;

  /** Takes a token if one is there. */
  take(now: number, rate: BucketRate): boolean {
    if (!rate.holds(now, this.#fullAt, 1)) return false;
    this.#fullAt = rate.fullAtAfter(now, this.#fullAt, 1);
    return true;
  }
}
