/** What one end of a connection receives: segments in any order and number, put in order again. */
import { windowBytes } from "./outgoing.ts";

export interface Arrival {
  readonly bytes: Uint8Array;
  /** FIN is behind these bytes. */
  readonly isLast: boolean;
}

export class Incoming {
  /** The sequence number of the first byte. */
  readonly first: number;
  #next: number;
  #isOver = false;
  /** What came before its turn. */
  readonly #early: Map<number, Arrival> = new Map();

  constructor(first: number) {
    this.first = first;
    this.#next = first;
  }

  /** The sequence number that is expected next. */
  get next(): number {
    return this.#next;
  }

  /** FIN has come, and all before it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  isInWindow(sequence: number): boolean {
    return sequence >= this.#next && sequence <= this.#next + windowBytes;
  }

  /** Takes what a segment has, and gives what is in order now, as one piece; it may be empty. */
  take(sequence: number, arrival: Arrival): Uint8Array {
    const { bytes, isLast } = arrival;
    if (!this.isInWindow(sequence) || this.#isOver) return bytes.subarray(0, 0);
    if (sequence > this.#next) {
      this.#early.set(sequence, { bytes: bytes.slice(), isLast });
      return bytes.subarray(0, 0);
    }
    const pieces: Uint8Array[] = [];
    for (let next: Arrival | undefined = arrival; next !== undefined; next = this.#takeEarly()) {
      pieces.push(next.bytes);
      this.#next += next.bytes.length + (next.isLast ? 1 : 0);
      this.#isOver = next.isLast;
    }
    return pieces.length === 1 ? bytes : joined(pieces);
  }

  #takeEarly(): Arrival | undefined {
    const arrival = this.#early.get(this.#next);
    this.#early.delete(this.#next);
    return arrival;
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let filled = 0;
  for (const piece of pieces) {
    bytes.set(piece, filled);
    filled += piece.length;
  }
  return bytes;
}
