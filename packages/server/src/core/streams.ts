/** The TCP connections to the server, as long as they are open: who may have how many, and how long one may take to ask. */
import { type Address, type AddressKey, addressKey, assert, type Outbox, type PortId } from "@fractal-punch/machine";
import { classicRequestBytes, startsClassicRequest } from "@fractal-punch/wire";
import { type Age, Ages } from "./ages.ts";
import type { Tally } from "./counters.ts";
import type { ServerEvent } from "./events.ts";
import type { Limits } from "./limits.ts";
import type { PrefixBuckets } from "./prefix-buckets.ts";

export type StreamWord =
  | "opened"
  | "prefix-rate"
  | "table-full"
  | "address-full"
  /** Went for a newer one, its request not yet whole. */
  | "made-room"
  /** Said nothing in its time, or before it ended. */
  | "silent"
  /** Did not finish its request in its time. */
  | "unfinished"
  /** Ended within its request. */
  | "cut"
  /** Began with nothing that the server knows. */
  | "not-ours"
  /** Said more than its one request. */
  | "surplus";

/** So much may follow a request before the stream is closed. */
const maxSurplusBytes = 1024;

class Stream {
  readonly port: PortId;
  readonly from: Address;
  /** The request, as far as it has come. */
  readonly head: Uint8Array = new Uint8Array(classicRequestBytes);
  headBytes: number = 0;
  surplusBytes: number = 0;
  /** Until the request is whole. */
  age: Age<Stream> | undefined;

  constructor(port: PortId, from: Address) {
    this.port = port;
    this.from = from;
  }
}

export class Streams {
  readonly #limits: Limits;
  readonly #counts: Tally<StreamWord>;
  readonly #openings: PrefixBuckets;
  readonly #byPort = new Map<PortId, Map<AddressKey, Stream>>();
  readonly #perIp = new Map<Address["ip"], number>();
  /** Those whose request is not whole yet. */
  readonly #asking: Ages<Stream>;
  #size = 0;

  constructor(limits: Limits, counts: Tally<StreamWord>, openings: PrefixBuckets) {
    this.#limits = limits;
    this.#counts = counts;
    this.#openings = openings;
    this.#asking = new Ages(limits.streamRequestMs);
  }

  get size(): number {
    return this.#size;
  }

  get endsAt(): number {
    return this.#asking.endsAt;
  }

  opened(now: number, port: PortId, from: Address, out: Outbox<ServerEvent>): void {
    assert(this.#find(port, from) === undefined, "a stream is opened once");
    const fault = this.#fault(now, from, out);
    this.#counts.add(fault ?? "opened");
    if (fault !== undefined) return out.closeStream(port, from);
    const stream = new Stream(port, from);
    stream.age = this.#asking.add(now, stream);
    const streams = this.#byPort.get(port);
    if (streams === undefined) this.#byPort.set(port, new Map([[addressKey(from), stream]]));
    else streams.set(addressKey(from), stream);
    this.#count(from, 1);
  }

  /**
   * Takes a piece; gives the request when the piece makes it whole. What follows a request is dropped; "overrun" when it is
   * so much that the stream should be closed, because even dropping is work.
   */
  receive(
    port: PortId,
    from: Address,
    piece: Uint8Array,
    out: Outbox<ServerEvent>,
  ): Uint8Array | "overrun" | undefined {
    const stream = this.#find(port, from);
    if (stream === undefined) return undefined;
    const { head, headBytes } = stream;
    const taken = piece.subarray(0, head.length - headBytes);
    if (stream.surplusBytes === 0 && taken.length < piece.length) this.#counts.add("surplus");
    stream.surplusBytes += piece.length - taken.length;
    if (taken.length === 0) return stream.surplusBytes > maxSurplusBytes ? "overrun" : undefined;
    head.set(taken, headBytes);
    stream.headBytes += taken.length;
    if (stream.headBytes >= 4 && !startsClassicRequest(head)) {
      this.#counts.add("not-ours");
      this.close(port, from, out);
      return undefined;
    }
    if (stream.headBytes < head.length) return undefined;
    this.#asked(stream);
    return head;
  }

  /** The far end closed it, or is gone. */
  ended(port: PortId, from: Address): void {
    const stream = this.#find(port, from);
    if (stream === undefined) return;
    if (stream.age !== undefined) this.#counts.add(stream.headBytes === 0 ? "silent" : "cut");
    this.#remove(stream);
  }

  close(port: PortId, from: Address, out: Outbox<ServerEvent>): void {
    const stream = this.#find(port, from);
    if (stream === undefined) return;
    this.#remove(stream);
    out.closeStream(port, from);
  }

  wake(now: number, out: Outbox<ServerEvent>): void {
    for (let age = this.#asking.oldest; age !== undefined && this.endsAt <= now; age = this.#asking.oldest) {
      const { port, from, headBytes } = age.entry;
      this.#asked(age.entry);
      this.#counts.add(headBytes === 0 ? "silent" : "unfinished");
      this.close(port, from, out);
    }
  }

  #fault(now: number, from: Address, out: Outbox<ServerEvent>): StreamWord | undefined {
    if ((this.#perIp.get(from.ip) ?? 0) >= this.#limits.streamsPerAddress) return "address-full";
    if (!this.#openings.take(now, from)) return "prefix-rate";
    return this.#size < this.#limits.streams || this.#makeRoom(out) ? undefined : "table-full";
  }

  /** The one goes that has been without a whole request for longest: silence costs nothing, and must not keep others out. */
  #makeRoom(out: Outbox<ServerEvent>): boolean {
    const oldest = this.#asking.oldest?.entry;
    if (oldest === undefined) return false;
    this.#counts.add("made-room");
    this.close(oldest.port, oldest.from, out);
    return true;
  }

  #find(port: PortId, from: Address): Stream | undefined {
    return this.#byPort.get(port)?.get(addressKey(from));
  }

  #asked(stream: Stream): void {
    if (stream.age !== undefined) this.#asking.remove(stream.age);
    stream.age = undefined;
  }

  #remove(stream: Stream): void {
    this.#asked(stream);
    this.#byPort.get(stream.port)?.delete(addressKey(stream.from));
    this.#count(stream.from, -1);
  }

  #count(from: Address, difference: 1 | -1): void {
    this.#size += difference;
    const count = (this.#perIp.get(from.ip) ?? 0) + difference;
    if (count === 0) this.#perIp.delete(from.ip);
    else this.#perIp.set(from.ip, count);
  }
}
