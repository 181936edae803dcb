/**
 * Deterministic randomness: xoshiro128** (Blackman and Vigna, 2018), whose state is filled from a seed and a name by
 * a 32-bit mixing function. Not for keys outside a simulation.
 */
import type { Random } from "@fractal-punch/machine";

/** A stream of random numbers that depends on its seed and name only. */
export class Prng implements Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed` is any safe integer; streams of one seed with different names are independent. */
  constructor(seed: number, name = "") {
    this.#seed = seed;
    let state = mix((seed >>> 0) ^ mix(Math.floor(seed / 0x1_0000_0000) | 0));
    for (let i = 0; i < name.length; i++) state = mix(state ^ name.charCodeAt(i)) + 0x9e37_79b9;
    this.#a = mix(state + 0x9e37_79b9);
    this.#b = mix(state + 0x3c6e_f372);
    this.#c = mix(state + 0xdaa6_6d2b);
    this.#d = mix(state + 0x78dd_e6e4) | 1; // never all zero, the one state that xoshiro cannot leave
  }

  /** The generator in a state of its own, not all zero: to compare it with the published one. */
  static fromState(a: number, b: number, c: number, d: number): Prng {
    const prng = new Prng(0);
    prng.#a = a;
    prng.#b = b;
    prng.#c = c;
    prng.#d = d;
    return prng;
  }

  /** Another stream of the same seed. How much was drawn from this one does not matter. */
  named(name: string): Prng {
    return new Prng(this.#seed, name);
  }

  /** A whole number from 0 to 2^32 - 1. */
  u32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** A number from 0 (inclusive) to 1 (exclusive), in steps of 2^-32. */
  unit(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /** A whole number from 0 to `limit` - 1; `limit` is at most 2^32. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** True with the given probability; draws nothing when that is 0. */
  chance(probability: number): boolean {
    return probability > 0 && this.unit() < probability;
  }

  /** One of them; throws when there are none. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += 4) {
      const word = this.u32();
      bytes[i] = word;
      if (i + 1 < bytes.length) bytes[i + 1] = word >>> 8;
      if (i + 2 < bytes.length) bytes[i + 2] = word >>> 16;
      if (i + 3 < bytes.length) bytes[i + 3] = word >>> 24;
    }
  }
}

/** A bijection of 32-bit numbers in which each bit of the input changes about half of the output's. */
function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0_aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a_2d97);
  return x ^ (x >>> 15);
}
