/**
 * The framing of the --udp tunnel: a flow number before each datagram, and large datagrams in at most four pieces
 * (docs/protocol.md section 12 draws the bytes).
 */
import { Assembly } from "./assembly.ts";

const maxPieces = 4;
const wholeHeadBytes = 3;
const pieceHeadBytes = 5;
/** The high half of the first byte: 0 is the tunnel, 1 is a ping. */
export const pingForm = 0x10;

/** A session delivers the pieces of one datagram within a few round trips, over whichever path. */
const joinWithinMs = 1000;
/** Incomplete datagrams held at once, of at most four pieces each: below 370 kB. */
const maxIncomplete = 64;
/** Kept for the next ones, where nothing is lost or late. */
const maxFree = 4;

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

/** Makes the session's datagrams for one direction of a session. */
export class Cutter {
  /** Where datagrams are put together, one at a time. */
  #bytes = new Uint8Array(0);
  #datagram = this.#bytes;
  #nextId = 0;

  /**
   * Gives `send` one datagram, or two to four pieces of equal size one after the other, of at most `limit` bytes, each for
   * the call only; false when it is larger than `maxTunnelledBytes`.
   */
  cut(flow: number, data: Uint8Array, limit: number, send: (datagram: Uint8Array) => void): boolean {
    if (limit > this.#bytes.length) this.#enlarge(limit);
    if (data.length <= limit - wholeHeadBytes) {
      const datagram = this.#begin(0, flow, wholeHeadBytes + data.length);
      datagram.set(data, wholeHeadBytes);
      send(datagram);
      return true;
    }
    const count = Math.ceil(data.length / (limit - pieceHeadBytes));
    if (count > maxPieces) return false;
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    const size = Math.ceil(data.length / count);
    for (let index = 0; index < count; index++) {
      const piece = data.subarray(index * size, (index + 1) * size);
      const datagram = this.#begin(((count - 1) << 2) | index, flow, pieceHeadBytes + piece.length);
      datagram[3] = id >> 8;
      datagram[4] = id;
      datagram.set(piece, pieceHeadBytes);
      send(datagram);
    }
    return true;
  }

  #enlarge(lengthBytes: number): void {
    this.#bytes = new Uint8Array(lengthBytes);
    this.#datagram = this.#bytes;
  }

  /** A view is made only when the length is another one: most datagrams in a row have the same. */
  #begin(form: number, flow: number, lengthBytes: number): Uint8Array {
    if (lengthBytes !== this.#datagram.length) this.#datagram = this.#bytes.subarray(0, lengthBytes);
    const datagram = this.#datagram;
    datagram[0] = form;
    datagram[1] = flow >> 8;
    datagram[2] = flow;
    return datagram;
  }
}

/** Joins what a `Cutter` has cut, in any order; what stays incomplete is forgotten. */
export class Joiner {
  readonly #incomplete = new Map<number, Assembly>();
  /** Those that are not in use. */
  readonly #free: Assembly[] = [];

  get incomplete(): number {
    return this.#incomplete.size;
  }

  /**
   * The datagram that `bytes` are or complete; `undefined` while pieces are missing, and for bytes that are not of this
   * framing. It may be a view, and is valid as long as `bytes` are, and until the next call. `nowMs` is monotonic.
   */
  join(bytes: Uint8Array, nowMs: number): FlowDatagram | undefined {
    const form = bytes[0] ?? 0xff;
    const flow = ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0);
    if (form === 0) return bytes.length < wholeHeadBytes ? undefined : { flow, data: bytes.subarray(wholeHeadBytes) };
    const count = (form >> 2) + 1;
    const index = form & 3;
    if (form > 0x0f || index >= count || bytes.length <= pieceHeadBytes) return undefined;
    const key = flow * 65_536 + ((bytes[3] ?? 0) << 8) + (bytes[4] ?? 0);
    const assembly = this.#assemblyOf(key, count, nowMs);
    assembly.put(index, bytes.subarray(pieceHeadBytes), nowMs);
    if (!assembly.isWhole) return undefined;
    this.#drop(key, assembly);
    return { flow, data: assembly.whole() };
  }

  #assemblyOf(key: number, count: number, nowMs: number): Assembly {
    const known = this.#incomplete.get(key);
    if (known?.count === count && nowMs - known.startedAtMs < joinWithinMs) return known;
    // The same number again, late or with another count, is a later datagram: the numbers have gone round.
    if (known) this.#drop(key, known);
    this.#forget(nowMs);
    const assembly = (this.#free.pop() ?? new Assembly()).begin(count, nowMs);
    this.#incomplete.set(key, assembly);
    return assembly;
  }

  /** Drops what is too old, and the oldest while there is no room for one more. The map is in order of age. */
  #forget(nowMs: number): void {
    for (const [key, assembly] of this.#incomplete) {
      if (nowMs - assembly.startedAtMs < joinWithinMs && this.#incomplete.size < maxIncomplete) return;
      this.#drop(key, assembly);
    }
  }

  #drop(key: number, assembly: Assembly): void {
    this.#incomplete.delete(key);
    if (this.#free.length < maxFree) this.#free.push(assembly);
  }
}
