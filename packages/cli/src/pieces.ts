/**
 * The framing of the --udp tunnel: a flow number before each datagram, and large datagrams in at most four pieces
 * (docs/protocol.md section 12 draws the bytes).
 */
import { concatBytes } from "@fractal-punch/wire";

const maxPieces = 4;
const wholeHeadBytes = 3;
const pieceHeadBytes = 5;
/** The high half of the first byte: 0 is the tunnel, 1 is a ping. */
export const pingForm = 0x10;

/** A session delivers the pieces of one datagram within a few round trips, over whichever path. */
const joinWithinMs = 1000;
/** Incomplete datagrams held at once, of at most four pieces each: below 320 kB. */
const maxIncomplete = 64;

export interface FlowDatagram {
  readonly flow: number;
  readonly data: Uint8Array;
}

/** The largest datagram that goes through a tunnel whose session takes `limit` bytes. */
export function maxTunnelledBytes(limit: number): number {
  return maxPieces * (limit - pieceHeadBytes);
}

/** Whether it is a ping, which a host sends back as it is. */
export function isPing(bytes: Uint8Array): boolean {
  return ((bytes[0] ?? 0) & 0xf0) === pingForm;
}

/** Makes the session's datagrams, of at most `limit` bytes each, for one direction of a session. */
export class Cutter {
  readonly #limit: number;
  #nextId = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** One datagram, or two to four pieces of equal size; `undefined` when it is larger than `maxTunnelledBytes`. */
  cut(flow: number, data: Uint8Array): Uint8Array[] | undefined {
    if (data.length <= this.#limit - wholeHeadBytes) return [concatBytes(Uint8Array.of(0, flow >> 8, flow), data)];
    const count = Math.ceil(data.length / (this.#limit - pieceHeadBytes));
    if (count > maxPieces) return undefined;
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    const size = Math.ceil(data.length / count);
    return Array.from({ length: count }, (_, index) => {
      const form = ((count - 1) << 2) | index;
      const head = Uint8Array.of(form, flow >> 8, flow, id >> 8, id);
      return concatBytes(head, data.subarray(index * size, (index + 1) * size));
    });
  }
}

interface Incomplete {
  readonly pieces: (Uint8Array | undefined)[];
  readonly startedAtMs: number;
}

/** Joins what a `Cutter` has cut, in any order; what stays incomplete is forgotten. */
export class Joiner {
  readonly #incomplete = new Map<number, Incomplete>();

  get incomplete(): number {
    return this.#incomplete.size;
  }

  /**
   * The datagram that `bytes` are or complete; `undefined` while pieces are missing, and for bytes that are not of this
   * framing. A datagram that came whole is a view of `bytes`. `nowMs` is monotonic.
   */
  join(bytes: Uint8Array, nowMs: number): FlowDatagram | undefined {
    const form = bytes[0] ?? 0xff;
    const flow = ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0);
    if (form === 0) return bytes.length < wholeHeadBytes ? undefined : { flow, data: bytes.subarray(wholeHeadBytes) };
    const count = (form >> 2) + 1;
    const index = form & 3;
    if (form > 0x0f || index >= count || bytes.length <= pieceHeadBytes) return undefined;
    const id = ((bytes[3] ?? 0) << 8) | (bytes[4] ?? 0);
    const pieces = this.#piecesOf(flow * 65_536 + id, count, nowMs);
    pieces[index] = bytes.slice(pieceHeadBytes);
    const present = pieces.filter((piece) => piece !== undefined);
    if (present.length < count) return undefined;
    this.#incomplete.delete(flow * 65_536 + id);
    return { flow, data: concatBytes(...present) };
  }

  #piecesOf(key: number, count: number, nowMs: number): (Uint8Array | undefined)[] {
    const known = this.#incomplete.get(key);
    if (known?.pieces.length === count && nowMs - known.startedAtMs < joinWithinMs) return known.pieces;
    // The same number again, late or with another count, is a later datagram: the numbers have gone round.
    this.#incomplete.delete(key);
    this.#forget(nowMs);
    const pieces = Array<Uint8Array | undefined>(count).fill(undefined);
    this.#incomplete.set(key, { pieces, startedAtMs: nowMs });
    return pieces;
  }

  /** Drops what is too old, and the oldest while there is no room for one more. The map is in order of age. */
  #forget(nowMs: number): void {
    for (const [key, { startedAtMs }] of this.#incomplete) {
      if (nowMs - startedAtMs < joinWithinMs && this.#incomplete.size < maxIncomplete) return;
      this.#incomplete.delete(key);
    }
  }
}
