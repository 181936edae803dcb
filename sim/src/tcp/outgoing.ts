/** What one end of a connection sends: SYN, bytes in order, FIN, each kept until it is acknowledged. */
import type { Prng } from "../prng.ts";
import { Flag } from "./segment.ts";

/** One segment that was sent and is not acknowledged. A repeat is cut as it was. */
export interface Flight {
  readonly flags: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly sentAtMs: number;
  repeated: boolean;
}

const maxSegmentBytes = 1400;
/** How much may be under way. It takes the place of windows and of congestion control. */
export const windowBytes = 32_768;
/** A driver takes no more for a far end when so much waits. */
const fullBytes = 65_536;

export class Outgoing {
  readonly #prng: Prng;
  /** Small writes wait for what is under way, and are joined (RFC 9293 section 3.7.4). */
  readonly #joins: boolean;
  readonly #flights: Flight[] = [];
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #acknowledged: number;
  #next: number;
  #ends = false;
  #finSent = false;

  constructor(prng: Prng) {
    this.#prng = prng;
    this.#joins = prng.chance(0.5);
    this.#next = prng.u32();
    this.#acknowledged = this.#next;
  }

  /** The sequence number of what is sent next. */
  get next(): number {
    return this.#next;
  }

  get oldest(): Flight | undefined {
    return this.#flights[0];
  }

  /** All that was sent and is not acknowledged, oldest first. */
  get underWay(): readonly Flight[] {
    return this.#flights;
  }

  /** All was sent and acknowledged, FIN too. */
  get isDone(): boolean {
    return this.#finSent && this.#flights.length === 0;
  }

  /** Whether an acknowledgment is for something that was sent. */
  covers(acknowledged: number): boolean {
    return acknowledged > this.#acknowledged && acknowledged <= this.#next;
  }

  get isFull(): boolean {
    return this.#waitingBytes >= fullBytes;
  }

  /** Nothing waits to be sent for the first time. */
  get isEmpty(): boolean {
    return this.#waitingBytes === 0;
  }

  /** Takes a copy of `bytes`, or, when it is full or `end` was called, nothing. */
  write(bytes: Uint8Array): void {
    if (this.#ends || this.isFull) return;
    this.#waiting.push(bytes.slice());
    this.#waitingBytes += bytes.length;
  }

  /** Nothing comes behind what was written. */
  end(): void {
    this.#ends = true;
  }

  syn(now: number): Flight {
    return this.#fly(now, Flag.syn, new Uint8Array(0), 1);
  }

  /** The next segment to send; `undefined` when nothing waits, or nothing may be sent now. */
  take(now: number): Flight | undefined {
    const underWay = this.#next - this.#acknowledged;
    const finNow = this.#ends && !this.#finSent;
    if (this.#waitingBytes === 0) return finNow ? this.#finish(now, new Uint8Array(0)) : undefined;
    if (underWay + maxSegmentBytes > windowBytes) return undefined;
    if (this.#joins && underWay > 0 && this.#waitingBytes < maxSegmentBytes && !finNow) return undefined;
    const most = Math.min(maxSegmentBytes, this.#waitingBytes);
    const bytes = this.#cut(this.#prng.chance(0.5) ? most : 1 + this.#prng.below(most));
    return finNow && this.#waitingBytes === 0 ? this.#finish(now, bytes) : this.#fly(now, 0, bytes, bytes.length);
  }

  /** Forgets what is acknowledged. Gives the ms that it took, where that can be told (RFC 6298 section 3). */
  acknowledge(now: number, acknowledged: number): number | undefined {
    let tookMs: number | undefined;
    this.#acknowledged = acknowledged;
    for (let oldest = this.oldest; oldest !== undefined && oldest.sequence < acknowledged; oldest = this.oldest) {
      this.#flights.shift();
      if (!oldest.repeated) tookMs = now - oldest.sentAtMs;
    }
    return tookMs;
  }

  #finish(now: number, bytes: Uint8Array): Flight {
    this.#finSent = true;
    return this.#fly(now, Flag.fin, bytes, bytes.length + 1);
  }

  #fly(now: number, flags: number, bytes: Uint8Array, lengthInSequence: number): Flight {
    const flight = { flags, sequence: this.#next, bytes, sentAtMs: now, repeated: false };
    this.#next += lengthInSequence;
    this.#flights.push(flight);
    return flight;
  }

  /** The first `lengthBytes` of what waits. */
  #cut(lengthBytes: number): Uint8Array {
    const cut = new Uint8Array(lengthBytes);
    let filled = 0;
    while (filled < lengthBytes) {
      const [first, ...others] = this.#waiting;
      if (first === undefined) throw new Error("broken invariant: fewer bytes wait than were counted");
      const part = first.subarray(0, lengthBytes - filled);
      cut.set(part, filled);
      filled += part.length;
      this.#waiting = part.length === first.length ? others : [first.subarray(part.length), ...others];
    }
    this.#waitingBytes -= lengthBytes;
    return cut;
  }
}
