/**
 * Token buckets by network, for what is not authenticated: IPv4 /24; IPv6 /64, with room for 4 such in a /56 and for 16
 * in a /48, because whoever has one /64 often has a whole /48. Loopback has no bucket.
 */
import { type Address, type AddressKey, addressScope, prefixKey } from "@fractal-punch/machine";
import type { Rate } from "./bucket.ts";
import { Buckets } from "./buckets.ts";

const ip6Prefixes = [
  { bits: 64, tokens: 1 },
  { bits: 56, tokens: 1 / 4 },
  { bits: 48, tokens: 1 / 16 },
] as const;

/** The share of requests that are let through from an overfull prefix: forging a prefix must not lock its people out. */
const oneIn = 8;

export class PrefixBuckets {
  /** Keys of different prefix lengths differ: numbers for IPv4, strings of 8, 7 and 6 characters for IPv6. */
  readonly #buckets: Buckets<AddressKey>;
  #turnedAway = 0;

  constructor(rate: Rate, maximum: number) {
    this.#buckets = new Buckets(rate, maximum);
  }

  get size(): number {
    return this.#buckets.size;
  }

  admits(now: number, from: Address): boolean {
    const buckets = this.#buckets;
    if (addressScope(from) === "loopback") return true;
    if (from.family === 4) return buckets.admits(now, prefixKey(from, 24));
    return ip6Prefixes.every(({ bits, tokens }) => buckets.admits(now, prefixKey(from, bits), tokens));
  }

  /** As `admits`, but lets one in eight through that it would turn away. */
  admitsSome(now: number, from: Address): boolean {
    if (this.admits(now, from)) return true;
    this.#turnedAway = (this.#turnedAway + 1) % oneIn;
    return this.#turnedAway === 0;
  }

  charge(now: number, from: Address): void {
    const buckets = this.#buckets;
    if (addressScope(from) === "loopback") return;
    if (from.family === 4) return buckets.charge(now, prefixKey(from, 24));
    for (const { bits, tokens } of ip6Prefixes) buckets.charge(now, prefixKey(from, bits), tokens);
  }

  take(now: number, from: Address): boolean {
    if (!this.admits(now, from)) return false;
    this.charge(now, from);
    return true;
  }
}
