/**
 * Memory that the system reads and writes: message headers, their names, control data and payloads, in one buffer at an
 * address that does not change. Offsets are in bytes from its start.
 */
import type { Pointer, SystemCalls } from "./system-calls.ts";

/** Of struct mmsghdr, iovec and cmsghdr on 64-bit Linux; little-endian. */
export const layout = {
  messageBytes: 64,
  name: 0,
  nameBytes: 8,
  pieces: 16,
  pieceCount: 24,
  control: 32,
  controlBytes: 40,
  flags: 48,
  length: 56,
  pieceBytes: 16,
  controlHeadBytes: 16,
} as const;

const wordRange = 0x1_0000_0000;

export class Arena {
  readonly bytes: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly #base: number;
  #used = 0;

  constructor(calls: SystemCalls, sizeBytes: number) {
    const buffer = new ArrayBuffer(sizeBytes);
    this.bytes = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    // An address has 47 bits, so a number holds it.
    this.#base = Number(calls.address(this.bytes));
  }

  /** A part for whoever asks, once and for all; its offset. */
  reserve(sizeBytes: number): number {
    const at = this.#used;
    this.#used = at + Math.ceil(sizeBytes / 64) * 64;
    if (this.#used > this.bytes.length) throw new Error("the arena is too small for what it is to hold");
    return at;
  }

  pointer(offset: number): Pointer {
    return BigInt(this.#base + offset);
  }

  writePointer(at: number, offset: number): void {
    const address = this.#base + offset;
    this.u32[at >> 2] = address % wordRange;
    this.u32[(at >> 2) + 1] = Math.floor(address / wordRange);
  }

  /** The inverse of `writePointer`, of its two words. */
  offsetOf(low: number, high: number): number {
    return high * wordRange + low - this.#base;
  }

  /** A field of 64 bits. */
  writeSize(at: number, value: number): void {
    this.u32[at >> 2] = value;
    this.u32[(at >> 2) + 1] = 0;
  }
}
