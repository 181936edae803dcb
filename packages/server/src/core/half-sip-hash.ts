/**
 * HalfSipHash-1-3 (Aumasson and Bernstein): for tables whose keys are attackers' to choose. Who does not know the seed
 * cannot find keys that meet in one place.
 */
export class HalfSipHash {
  readonly #k0: number;
  readonly #k1: number;

  /** The first 8 bytes of `seed` count. */
  constructor(seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, 8);
    this.#k0 = view.getInt32(0, true);
    this.#k1 = view.getInt32(4, true);
  }

  /** 32 bits, without a sign, of so many words. */
  of(words: Uint32Array): number {
    const count = words.length;
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = 0x6c79_6765 ^ v0;
    let v3 = 0x7465_6462 ^ v1;
    // One round for each word, one for the length, three to end with.
    for (let step = 0; step < count + 4; step++) {
      let word = 0;
      if (step < count) word = words[step] ?? 0;
      else if (step === count) word = count << 26;
      else if (step === count + 1) v2 ^= 0xff;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    return (v1 ^ v3) >>> 0;
  }
}
