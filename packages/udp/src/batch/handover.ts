/**
 * What a forwarding thread leaves to the control plane: a ring of datagrams in shared memory, with one writer and one
 * reader. Positions only grow, modulo 2^32; a datagram never goes round the end.
 */
import { addressWords } from "@fractal-punch/machine";

/** Words before the bytes: length, port, ECN, sender, local address. */
const headWords = 3 + 2 * addressWords;
/** Instead of a length: the rest up to the end is not used. */
const skip = 0xffff_ffff;
/** A power of two; 3,000 datagrams of 1,232 bytes. */
const ringWords = 1_048_576;

const writtenAt = 0;
const readAt = 1;
/** 1 while the reader wants to be woken. */
const wantsAt = 2;
const ringAt = 16;

export const handoverBytes: number = 4 * (ringAt + ringWords);

export interface HandedOver {
  port: number;
  ecn: number;
  /** Address words, valid during the call only, as the bytes are. */
  readonly from: Uint32Array;
  readonly local: Uint32Array;
  bytes: Uint8Array;
}

export class HandoverWriter {
  readonly #ints: Int32Array;
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#ints = new Int32Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /** False when it is full. */
  write(
    port: number,
    ecn: number,
    from: Uint32Array,
    local: Uint32Array,
    memory: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    const needed = headWords + ((end - start + 3) >> 2);
    let written = Atomics.load(this.#ints, writtenAt) >>> 0;
    const room = ringWords - ((written - Atomics.load(this.#ints, readAt)) >>> 0);
    const toEnd = ringWords - (written % ringWords);
    if (room < needed + (toEnd < needed ? toEnd : 0)) return false;
    if (toEnd < needed) {
      this.#words[ringAt + (written % ringWords)] = skip;
      written = (written + toEnd) >>> 0;
    }
    const at = ringAt + (written % ringWords);
    this.#words[at] = end - start;
    this.#words[at + 1] = port;
    this.#words[at + 2] = ecn;
    this.#words.set(from, at + 3);
    this.#words.set(local, at + 3 + addressWords);
    this.#bytes.set(memory.subarray(start, end), 4 * (at + headWords));
    Atomics.store(this.#ints, writtenAt, (written + needed) | 0);
    return true;
  }

  /** Whether the reader is to be woken; asked once for all that was written. */
  takeWish(): boolean {
    return Atomics.exchange(this.#ints, wantsAt, 0) === 1;
  }
}

export class HandoverReader {
  readonly #ints: Int32Array;
  readonly #words: Uint32Array;
  readonly #buffer: SharedArrayBuffer;
  readonly #handed: HandedOver;

  constructor(buffer: SharedArrayBuffer) {
    this.#ints = new Int32Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#buffer = buffer;
    const [from, local] = [new Uint32Array(addressWords), new Uint32Array(addressWords)];
    this.#handed = { port: 0, ecn: 0, from, local, bytes: new Uint8Array(0) };
    Atomics.store(this.#ints, wantsAt, 1);
  }

  /** Takes all there is, at most `maximum`; false when there may be more. Otherwise it wants to be woken for the next. */
  drain(maximum: number, take: (handed: HandedOver) => void): boolean {
    for (let i = 0; i < maximum; i++) {
      if (this.#takeOne(take)) continue;
      Atomics.store(this.#ints, wantsAt, 1);
      // What was written in between found no wish to be woken.
      if (Atomics.load(this.#ints, readAt) === Atomics.load(this.#ints, writtenAt)) return true;
    }
    return false;
  }

  #takeOne(take: (handed: HandedOver) => void): boolean {
    let read = Atomics.load(this.#ints, readAt) >>> 0;
    if (read === Atomics.load(this.#ints, writtenAt) >>> 0) return false;
    if (this.#words[ringAt + (read % ringWords)] === skip) read = (read + ringWords - (read % ringWords)) >>> 0;
    const at = ringAt + (read % ringWords);
    const length = this.#words[at] ?? 0;
    const handed = this.#handed;
    handed.port = this.#words[at + 1] ?? 0;
    handed.ecn = this.#words[at + 2] ?? 0;
    handed.from.set(this.#words.subarray(at + 3, at + 3 + addressWords));
    handed.local.set(this.#words.subarray(at + 3 + addressWords, at + headWords));
    // A copy: machines hand bytes on to what takes no shared memory.
    handed.bytes = new Uint8Array(this.#buffer, 4 * (at + headWords), length).slice();
    Atomics.store(this.#ints, readAt, (read + headWords + ((length + 3) >> 2)) | 0);
    take(handed);
    return true;
  }
}
