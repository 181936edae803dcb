/** The TCP connections to the server, as long as they are open: who may have how many, and how long one may say nothing. */
import { type Address, type AddressKey, addressKey, assert, type Outbox, type PortId } from "@fractal-punch/machine";
import { AddressCounts } from "./address-counts.ts";
import { Ages } from "./ages.ts";
import type { Tally } from "./counters.ts";
import type { ServerEvent } from "./events.ts";
import type { Limits } from "./limits.ts";
import type { Ports } from "./ports.ts";
import type { PrefixBuckets } from "./prefix-buckets.ts";
import { Stream, type StreamEnd } from "./stream.ts";

export type StreamWord =
  | "opened"
  | "prefix-rate"
  | "table-full"
  | "address-full"
  /** Went for a newer one: it had asked nothing yet, or had been idle for longest. */
  | "made-room"
  /** Said nothing in its time, or before it ended. */
  | "silent"
  /** Did not finish a message in its time. */
  | "unfinished"
  /** Asked, and then said nothing for too long. */
  | "idle"
  /** Ended within a message. */
  | "cut"
  /** Said more than its one classic request. */
  | "surplus"
  | StreamEnd;

/** It takes the system and the process 60 kB, one of TCP 10. */
const tlsPlaces = 4;

export class Streams {
  readonly #limits: Limits;
  readonly #counts: Tally<StreamWord>;
  readonly #openings: PrefixBuckets;
  readonly #byPort = new Map<PortId, Map<AddressKey, Stream>>();
  /** Of those that nobody has proven anything by, and of those that are trusted. */
  readonly #strangers = new AddressCounts();
  readonly #proven = new AddressCounts();
  /** Those whose first message is not whole yet. */
  readonly #asking: Ages<Stream>;
  /** Those that have asked, and that nothing keeps. */
  readonly #idle: Ages<Stream>;
  /** The same, of hosts and clients that have proven themselves: they make room for nobody. */
  readonly #trusted: Ages<Stream>;
  readonly #servesClassic: boolean;
  readonly #ports: Ports;
  #givenUp: Stream[] = [];
  #size = 0;
  #places = 0;

  constructor(
    limits: Limits,
    ports: Ports,
    counts: Tally<StreamWord>,
    openings: PrefixBuckets,
    servesClassic: boolean,
  ) {
    this.#limits = limits;
    this.#ports = ports;
    this.#counts = counts;
    this.#openings = openings;
    this.#asking = new Ages(limits.streamRequestMs);
    this.#idle = new Ages(limits.streamIdleMs);
    this.#trusted = new Ages(limits.streamIdleMs);
    this.#servesClassic = servesClassic;
  }

  get size(): number {
    return this.#size;
  }

  get endsAt(): number {
    return Math.min(this.#asking.endsAt, this.#idle.endsAt, this.#trusted.endsAt);
  }

  opened(now: number, port: PortId, from: Address, out: Outbox<ServerEvent>): void {
    assert(this.#find(port, from) === undefined, "a stream is opened once");
    const fault = this.#fault(now, port, from, out);
    this.#counts.add(fault ?? "opened");
    if (fault !== undefined) return out.closeStream(port, from);
    const stream = new Stream(port, from, this.#counts, this.#servesClassic);
    stream.age = this.#asking.add(now, stream);
    const streams = this.#byPort.get(port);
    if (streams === undefined) this.#byPort.set(port, new Map([[addressKey(from), stream]]));
    else streams.set(addressKey(from), stream);
    this.#count(port, 1);
    this.#strangers.add(from, 1);
  }

  /** Takes a piece; then ask `next` until it gives no more. `undefined` when there is no such stream. */
  push(port: PortId, from: Address, piece: Uint8Array): Stream | undefined {
    const stream = this.#find(port, from);
    stream?.push(piece);
    return stream;
  }

  /** The next whole message, valid as long as the piece is. Closes a stream that cannot be understood. */
  next(now: number, stream: Stream, out: Outbox<ServerEvent>): Uint8Array | undefined {
    const message = stream.isOpen ? stream.next() : undefined;
    if (typeof message === "string") {
      this.#counts.add(message);
      this.close(stream.port, stream.from, out);
      return undefined;
    }
    if (message !== undefined) this.#asked(now, stream);
    return message;
  }

  /** It may be silent until `release`. */
  keep(port: PortId, from: Address): void {
    const stream = this.#find(port, from);
    if (stream === undefined) return;
    this.#dropAge(stream);
    stream.isKept = true;
  }

  /** It is one end of a connection now (RFC 6062): bytes without messages, as long as that lasts. */
  join(port: PortId, from: Address): void {
    this.keep(port, from);
    this.#find(port, from)?.becomeRaw();
  }

  release(now: number, port: PortId, from: Address): void {
    const stream = this.#find(port, from);
    if (stream?.isKept !== true) return;
    stream.isKept = false;
    stream.age = this.#agesOf(stream).add(now, stream);
  }

  /** Its host or client has proven itself: it counts no more among its address's, which may be a whole office's. */
  trust(now: number, port: PortId, from: Address): void {
    const stream = this.#find(port, from);
    if (stream === undefined || stream.isTrusted || stream.isKept) return;
    if (this.#proven.of(from) >= this.#limits.provenStreamsPerAddress) return;
    this.#dropAge(stream);
    this.#strangers.add(from, -1);
    this.#proven.add(from, 1);
    stream.isTrusted = true;
    stream.age = this.#trusted.add(now, stream);
  }

  /** Its host or client is elsewhere now. Else one of them could keep all others out with streams that it has left. */
  distrust(now: number, stream: Stream): void {
    if (!stream.isTrusted || stream.isKept) return;
    this.#dropAge(stream);
    this.#strangers.add(stream.from, 1);
    this.#proven.add(stream.from, -1);
    stream.isTrusted = false;
    stream.age = this.#idle.add(now, stream);
  }

  /** The far end closed it, or is gone. */
  ended(port: PortId, from: Address): void {
    const stream = this.#find(port, from);
    if (stream === undefined) return;
    if (stream.heldBytes > 0) this.#counts.add("cut");
    else if (!stream.hasAsked) this.#counts.add("silent");
    this.#remove(stream);
  }

  close(port: PortId, from: Address, out: Outbox<ServerEvent>): void {
    const stream = this.#find(port, from);
    if (stream === undefined) return;
    this.#remove(stream);
    out.closeStream(port, from);
  }

  wake(now: number, out: Outbox<ServerEvent>): void {
    for (const ages of [this.#asking, this.#idle, this.#trusted]) {
      for (let age = ages.oldest; age !== undefined && ages.endsAt <= now; age = ages.oldest) {
        const { heldBytes, hasAsked } = age.entry;
        if (heldBytes > 0) this.#counts.add("unfinished");
        else this.#counts.add(hasAsked ? "idle" : "silent");
        this.#giveUp(age.entry, out);
      }
    }
  }

  /** Those that were closed to make room or for their silence since the last call; what was there for them is to end. */
  takeGivenUp(): readonly Stream[] {
    const givenUp = this.#givenUp;
    if (givenUp.length > 0) this.#givenUp = [];
    return givenUp;
  }

  #giveUp(stream: Stream, out: Outbox<ServerEvent>): void {
    this.#givenUp.push(stream);
    this.close(stream.port, stream.from, out);
  }

  #fault(now: number, port: PortId, from: Address, out: Outbox<ServerEvent>): StreamWord | undefined {
    if (this.#strangers.of(from) >= this.#limits.streamsPerAddress) return "address-full";
    if (!this.#openings.take(now, from)) return "prefix-rate";
    return this.#makeRoom(this.#placesOf(port), out) ? undefined : "table-full";
  }

  /** Those go that have been silent for longest, first of those that have asked nothing: silence must not keep others out. */
  #makeRoom(places: number, out: Outbox<ServerEvent>): boolean {
    while (this.#places + places > this.#limits.streams) {
      const oldest = (this.#asking.oldest ?? this.#idle.oldest)?.entry;
      if (oldest === undefined) return false;
      this.#counts.add("made-room");
      this.#giveUp(oldest, out);
    }
    return true;
  }

  #placesOf(port: PortId): number {
    return this.#ports.isTls(port) ? tlsPlaces : 1;
  }

  #find(port: PortId, from: Address): Stream | undefined {
    return this.#byPort.get(port)?.get(addressKey(from));
  }

  /** A classic stream asks once, and is closed by who keeps its request. */
  #asked(now: number, stream: Stream): void {
    if (stream.isKept) return;
    this.#dropAge(stream);
    stream.hasAsked = true;
    if (!stream.isClassic) stream.age = this.#agesOf(stream).add(now, stream);
  }

  #dropAge(stream: Stream): void {
    if (stream.age !== undefined) this.#agesOf(stream).remove(stream.age);
    stream.age = undefined;
  }

  #agesOf(stream: Stream): Ages<Stream> {
    if (stream.isTrusted) return this.#trusted;
    return stream.hasAsked ? this.#idle : this.#asking;
  }

  #remove(stream: Stream): void {
    this.#dropAge(stream);
    stream.isOpen = false;
    this.#byPort.get(stream.port)?.delete(addressKey(stream.from));
    this.#count(stream.port, -1);
    (stream.isTrusted ? this.#proven : this.#strangers).add(stream.from, -1);
  }

  #count(port: PortId, difference: 1 | -1): void {
    this.#size += difference;
    this.#places += difference * this.#placesOf(port);
  }
}
