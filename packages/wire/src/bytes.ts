/** Reading and writing numbers in network byte order, in payloads that are built and read front to back. */

const empty = new Uint8Array(0);

export function readU16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at) * 65_536 + readU16(bytes, at + 2);
}

/** `undefined` above 2^53 - 1, which no counter and no time of ours reaches. */
export function readU64(bytes: Uint8Array, at: number): number | undefined {
  const value = readU32(bytes, at) * 0x1_0000_0000 + readU32(bytes, at + 4);
  return Number.isSafeInteger(value) ? value : undefined;
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  writeU16(bytes, at, value >>> 16);
  writeU16(bytes, at + 2, value & 0xffff);
}

export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeU32(bytes, at + 4, value % 0x1_0000_0000);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Reads front to back. Past the end it gives zeros and sets `failed`, so that one check at the end is enough. */
export class ByteReader {
  failed = false;
  #at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    return this.#bytes[this.#step(1)] ?? 0;
  }

  u16(): number {
    return readU16(this.#bytes, this.#step(2));
  }

  u32(): number {
    return readU32(this.#bytes, this.#step(4));
  }

  u64(): number {
    const value = readU64(this.#bytes, this.#step(8));
    if (value === undefined) this.failed = true;
    return value ?? 0;
  }

  /** A view, valid as long as the bytes underneath. */
  take(length: number): Uint8Array {
    const at = this.#step(length);
    return this.failed ? empty : this.#bytes.subarray(at, at + length);
  }

  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #step(length: number): number {
    const at = this.#at;
    if (this.failed || at + length > this.#bytes.length) {
      this.failed = true;
      return this.#bytes.length;
    }
    this.#at += length;
    return at;
  }
}

/** Writes front to back into an array that grows. */
export class ByteWriter {
  /** Engines make small arrays on their own heap, which takes a tenth of the time of a larger one. */
  #bytes = new Uint8Array(64);
  #length = 0;

  u8(value: number): this {
    const at = this.#room(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#room(2);
    writeU16(this.#bytes, at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    writeU32(this.#bytes, at, value);
    return this;
  }

  u64(value: number): this {
    const at = this.#room(8);
    writeU64(this.#bytes, at, value);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  zeros(length: number): this {
    this.#room(length);
    return this;
  }

  /** The bytes written so far, as an array of their own. */
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #room(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }
}
