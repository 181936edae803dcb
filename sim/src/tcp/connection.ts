/**
 * One end of a TCP connection (RFC 9293), as far as a scenario can see it: set-up in one round trip, from both ends at
 * once too, everything in order and repeated until it is acknowledged, FIN and RST. It has no windows of its own, no
 * congestion control and no TIME-WAIT.
 */
import type { Address } from "@fractal-punch/machine";
import type { Happening } from "../datagram.ts";
import type { Prng } from "../prng.ts";
import type { Traffic } from "../traffic.ts";
import { HeldStream } from "./held-stream.ts";
import { Incoming } from "./incoming.ts";
import { Outgoing } from "./outgoing.ts";
import { Flag, type Segment, type SegmentHeader } from "./segment.ts";

/** The far end sent all it had, or broke off; nobody listens there; or it did not answer for minutes. */
export type StreamEnd = "closed" | "reset" | "refused" | "timed-out";

/** Who is told what comes. Each but `full` is called outside the calls of machines, `ended` once and last. */
export interface StreamUser {
  opened(): void;
  /** `bytes` are valid during the call only. */
  received(bytes: Uint8Array): void;
  /** So much waits to be sent that more is dropped; or nothing waits any more. */
  full(isFull: boolean): void;
  ended(why: StreamEnd): void;
}

export interface ConnectionParts {
  readonly local: Address;
  readonly remote: Address;
  readonly traffic: Traffic;
  readonly prng: Prng;
  transmit(header: SegmentHeader, bytes: Uint8Array): void;
  /** The connection is over. */
  forget(): void;
}

const nothing = new Uint8Array(0);
/** RFC 6298 sections 2.1 and 2.2, with Linux's least; `roundTrips` is for the first measurement, the only one made. */
const firstRepeatMs = 1000;
const leastRepeatMs = 200;
const roundTrips = 3;
const mostRepeatMs = 120_000;
/** Linux's net.ipv4.tcp_syn_retries and tcp_retries2. */
const maxSynRepeats = 6;
const maxRepeats = 15;
/** What was sent before `close` has so long to leave. */
const lingerMs = 5000;

export class Connection implements Happening {
  readonly local: Address;
  readonly remote: Address;
  readonly #parts: ConnectionParts;
  readonly #outgoing: Outgoing;
  /** `undefined` until the far end's SYN has come. */
  #incoming: Incoming | undefined;
  readonly #held: HeldStream;
  /** `undefined` when nobody wants to hear of it any more. */
  #user: StreamUser | undefined;
  #isFull = false;
  #isOpen = false;
  #isGone = false;
  #owesAck = false;
  /** The far end opens the connection too, and may not have heard that this one does. */
  #owesSyn = false;
  #repeatMs: number = firstRepeatMs;
  #repeats = 0;
  #repeatAt = Infinity;
  #lingersUntil = Infinity;
  #queuedAt = Infinity;

  /** `first` is the SYN of the far end that opens the connection; without it this end does. */
  constructor(parts: ConnectionParts, user: StreamUser, first?: Segment) {
    this.local = parts.local;
    this.remote = parts.remote;
    this.#parts = parts;
    this.#held = new HeldStream(user, parts.traffic);
    this.#user = this.#held;
    this.#outgoing = new Outgoing(parts.prng);
    if (first !== undefined) this.#incoming = new Incoming(first.header.sequence + 1);
    this.#transmit(this.#outgoing.syn(this.#now));
    this.#awaitAnswer();
  }

  /** Whether it was set up, and may have ended since. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Takes a copy of `bytes`; drops them when the stream was ended, or too much waits. */
  write(bytes: Uint8Array): void {
    this.#outgoing.write(bytes);
    this.#tellFull();
    this.#queue(this.#now);
  }

  /** Has the user hear nothing until it is held no more. The far end is not slowed: this TCP has no windows. */
  hold(isHeld: boolean): void {
    this.#held.hold(isHeld);
  }

  /** Nothing more is sent; the far end may go on. */
  end(): void {
    this.#outgoing.end();
    this.#queue(this.#now);
  }

  /** Nothing more is sent or told; what was sent has five seconds to leave. */
  close(): void {
    this.#user = undefined;
    this.#held.clear();
    if (!this.#isOpen) return this.reset();
    this.#lingersUntil = this.#now + lingerMs;
    this.end();
    this.#queue(this.#lingersUntil);
  }

  /** Breaks off: the far end is told, the user is not. */
  reset(): void {
    this.#user = undefined;
    this.#held.clear();
    if (this.#isGone) return;
    if (this.#incoming !== undefined)
      this.#transmit({ flags: Flag.rst, sequence: this.#outgoing.next, bytes: nothing });
    this.#end("reset");
  }

  receive(segment: Segment): void {
    if (segment.has(Flag.rst)) return this.#receiveReset(segment);
    const { sequence, acknowledged } = segment.header;
    if (this.#incoming === undefined) {
      if (!segment.has(Flag.syn)) return;
      this.#incoming = new Incoming(sequence + 1);
    }
    if (segment.lengthInSequence > 0) this.#owesAck = true;
    if (segment.has(Flag.syn) && !segment.has(Flag.ack) && !this.#isOpen) this.#owesSyn = true;
    this.#queue(this.#now);
    // An old SYN, or one of an end that has forgotten this connection: it is told where this one stands.
    if (segment.has(Flag.syn) && sequence + 1 !== this.#incoming.first) return;
    if (segment.has(Flag.ack)) this.#acknowledge(acknowledged);
    if (this.#isOpen && !segment.has(Flag.syn)) this.#take(this.#incoming, segment);
    if (!this.#outgoing.isDone || !this.#incoming.isOver) return;
    if (this.#owesAck) this.#acknowledgeNow();
    this.#leave();
  }

  /** Whether a segment can be this connection's: before the far end's SYN only one that answers the own. */
  accepts(segment: Segment): boolean {
    if (this.#incoming !== undefined || !segment.has(Flag.ack)) return true;
    return this.#outgoing.covers(segment.header.acknowledged);
  }

  /** Sends what may be sent, and repeats what was lost. */
  happen(): void {
    const now = this.#now;
    if (now < this.#queuedAt || this.#isGone) return;
    this.#queuedAt = Infinity;
    if (now >= this.#lingersUntil) return this.reset();
    if (now >= this.#repeatAt && !this.#repeat()) return this.#end("timed-out");
    this.#sendWaiting();
    this.#tellFull();
    this.#queue(Math.min(this.#repeatAt, this.#lingersUntil));
  }

  get #now(): number {
    return this.#parts.traffic.now;
  }

  #receiveReset(segment: Segment): void {
    const { sequence } = segment.header;
    if (this.#incoming === undefined ? segment.has(Flag.ack) : this.#incoming.isInWindow(sequence))
      this.#end(this.#isOpen ? "reset" : "refused");
  }

  #acknowledge(acknowledged: number): void {
    if (!this.#outgoing.covers(acknowledged)) return;
    const tookMs = this.#outgoing.acknowledge(this.#now, acknowledged);
    if (tookMs !== undefined && this.#repeatMs === firstRepeatMs)
      this.#repeatMs = Math.max(leastRepeatMs, roundTrips * tookMs);
    this.#repeats = 0;
    this.#awaitAnswer();
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#user?.opened();
  }

  #take(incoming: Incoming, segment: Segment): void {
    if (incoming.isOver) return;
    const isLast = segment.has(Flag.fin);
    const piece = incoming.take(segment.header.sequence, { bytes: segment.bytes, isLast });
    if (piece.length > 0) this.#user?.received(piece);
    if (incoming.isOver) this.#tellEnd("closed");
  }

  /** What is due to the far end, at the end of a call, so that it has all that the user wrote in it. */
  #sendWaiting(): void {
    if (this.#isOpen) {
      for (let next = this.#outgoing.take(this.#now); next !== undefined; next = this.#outgoing.take(this.#now)) {
        this.#transmit(next);
        if (this.#repeatAt === Infinity) this.#awaitAnswer();
      }
    }
    const { oldest } = this.#outgoing;
    if (this.#owesSyn && !this.#isOpen && oldest !== undefined) this.#transmit(oldest);
    this.#owesSyn = false;
    if (this.#owesAck) this.#acknowledgeNow();
  }

  #tellFull(): void {
    if (this.#isFull ? !this.#outgoing.isEmpty : !this.#outgoing.isFull) return;
    this.#isFull = !this.#isFull;
    this.#user?.full(this.#isFull);
  }

  #acknowledgeNow(): void {
    this.#transmit({ flags: 0, sequence: this.#outgoing.next, bytes: nothing });
  }

  /** Repeats what is not acknowledged; false when that was done often enough. */
  #repeat(): boolean {
    const { underWay } = this.#outgoing;
    if (underWay.length === 0) return true;
    if (this.#repeats++ >= (this.#isOpen ? maxRepeats : maxSynRepeats)) return false;
    for (const flight of underWay) {
      flight.repeated = true;
      this.#transmit(flight);
    }
    this.#awaitAnswer();
    return true;
  }

  #awaitAnswer(): void {
    const waitMs = Math.min(this.#repeatMs * 2 ** this.#repeats, mostRepeatMs);
    this.#repeatAt = this.#outgoing.oldest === undefined ? Infinity : this.#now + waitMs;
    this.#queue(this.#repeatAt);
  }

  #transmit({ flags, sequence, bytes }: { flags: number; sequence: number; bytes: Uint8Array }): void {
    const next = this.#incoming?.next;
    const header =
      next === undefined
        ? { flags, sequence, acknowledged: 0 }
        : { flags: flags | Flag.ack, sequence, acknowledged: next };
    if (next !== undefined) this.#owesAck = false;
    this.#parts.transmit(header, bytes);
  }

  #queue(at: number): void {
    if (at >= this.#queuedAt || this.#isGone) return;
    this.#queuedAt = at;
    this.#parts.traffic.queue.push(at, this);
  }

  #end(why: StreamEnd): void {
    this.#leave();
    this.#tellEnd(why);
  }

  #tellEnd(why: StreamEnd): void {
    const user = this.#user;
    this.#user = undefined;
    user?.ended(why);
  }

  #leave(): void {
    this.#isGone = true;
    this.#parts.forget();
  }
}
