import { classicRequestBytes } from "@fractal-punch/wire";
import type { Tally } from "./counters.ts";
import type { StreamWord } from "./streams.ts";

/** So much may follow a request before the stream is closed, because even dropping is work. */
const maxSurplusBytes = 1024;

/** Reads a stream of the second classic generation: one request, and what follows it is dropped. */
export class ClassicReader {
  readonly #counts: Tally<StreamWord>;
  readonly #request = new Uint8Array(classicRequestBytes);
  #requestBytes = 0;
  #surplusBytes = 0;
  #isGiven = false;

  constructor(counts: Tally<StreamWord>) {
    this.#counts = counts;
  }

  /** How much of the request is there, as long as it is not whole. */
  get heldBytes(): number {
    return this.#isGiven ? 0 : this.#requestBytes;
  }

  push(piece: Uint8Array): void {
    const taken = piece.subarray(0, classicRequestBytes - this.#requestBytes);
    this.#request.set(taken, this.#requestBytes);
    this.#requestBytes += taken.length;
    if (this.#surplusBytes === 0 && taken.length < piece.length) this.#counts.add("surplus");
    this.#surplusBytes += piece.length - taken.length;
  }

  /** The request, once. */
  next(): Uint8Array | "overrun" | undefined {
    if (this.#isGiven) return this.#surplusBytes > maxSurplusBytes ? "overrun" : undefined;
    if (this.#requestBytes < classicRequestBytes) return undefined;
    this.#isGiven = true;
    return this.#request;
  }
}
