/**
 * The two classic protocols (docs/protocol.md section 13), apart from everything else that the server does: no ticket, no key, no
 * registration. What nobody has proven is held by rates for each prefix and small tables.
 */
import type { Address, Outbox, PortId, SendOptions } from "@fractal-punch/machine";
import {
  type ClassicRequest,
  type ClassicText,
  classicFault,
  maxClassicBytes,
  readClassicRequest,
  readClassicText,
} from "@fractal-punch/wire";
import type { ClassicCounts, ClassicWord } from "./classic-counters.ts";
import type { ServerEvent } from "./events.ts";
import type { Limits } from "./limits.ts";
import { MatchLog } from "./match-log.ts";
import { Pairings } from "./pairings.ts";
import type { Ports } from "./ports.ts";
import { Posts } from "./posts.ts";
import type { StateBuckets } from "./state.ts";
import type { Streams } from "./streams.ts";
import type { Requester } from "./waiting.ts";

export type ClassicBuckets = Pick<StateBuckets, "classic" | "classicAsks" | "classicNotices" | "classicLogs">;

export class Classic {
  readonly #ports: Ports;
  readonly #counts: ClassicCounts;
  readonly #streams: Streams;
  readonly #rate: ClassicBuckets["classic"];
  readonly #pairings: Pairings;
  readonly #posts: Posts;

  constructor(ports: Ports, limits: Limits, counts: ClassicCounts, streams: Streams, buckets: ClassicBuckets) {
    const log = new MatchLog(limits.classicTotalLogRate, buckets.classicLogs, counts);
    this.#ports = ports;
    this.#counts = counts;
    this.#streams = streams;
    this.#rate = buckets.classic;
    this.#pairings = new Pairings(limits, counts, log);
    this.#posts = new Posts(limits, counts, log, streams, buckets);
  }

  /** Requests that wait. */
  get size(): number {
    return this.#pairings.size + this.#posts.size;
  }

  get endsAt(): number {
    return Math.min(this.#pairings.endsAt, this.#posts.endsAt);
  }

  /** Takes a datagram if it is a classic one, or was meant to be; false when it is not, and was not counted. */
  receive(
    now: number,
    port: PortId,
    from: Address,
    bytes: Uint8Array,
    options: SendOptions | undefined,
    out: Outbox<ServerEvent>,
  ): boolean {
    if (bytes.length > maxClassicBytes) return false;
    const message = readClassicRequest(bytes) ?? readClassicText(bytes);
    if (message === undefined) return this.countFault(bytes);
    this.#counts.add(this.#take(now, port, from, message, options, out));
    return true;
  }

  /** Counts a datagram that is nothing else, if it was meant to be a classic one; false when it was not. */
  countFault(bytes: Uint8Array): boolean {
    const fault = classicFault(bytes);
    if (fault !== undefined) this.#counts.add(fault);
    return fault !== undefined;
  }

  /** Takes the whole request of a TCP connection, which stays open only for a post. */
  receiveStream(now: number, port: PortId, from: Address, bytes: Uint8Array, out: Outbox<ServerEvent>): void {
    const request = readClassicRequest(bytes);
    if (request === undefined) return;
    const word =
      from.family === 6
        ? "ip6"
        : this.#request(now, { transport: "tcp", port, from, options: undefined }, request, out);
    this.#counts.add(word);
    if (word !== "tcp-post") this.#streams.close(port, from, out);
  }

  /** A TCP connection has ended. */
  streamEnded(port: PortId, from: Address): void {
    if (from.family === 4) this.#posts.left(port, from);
  }

  wake(now: number, out: Outbox<ServerEvent>): void {
    this.#pairings.wake(now);
    this.#posts.wake(now, out);
  }

  #take(
    now: number,
    port: PortId,
    from: Address,
    message: ClassicRequest | ClassicText,
    options: SendOptions | undefined,
    out: Outbox<ServerEvent>,
  ): ClassicWord {
    if (!this.#ports.isMain(port)) return "wrong-port";
    if (from.family === 6) return "ip6";
    if (!this.#rate.take(now, from)) return "prefix-rate";
    const requester: Requester = { transport: "udp", port, from, options };
    switch (message.type) {
      case "client":
        return this.#pairings.client(now, requester, message.vmIp, out);
      case "vm":
        return this.#pairings.vm(now, requester, out);
      case "ask":
      case "post":
        return this.#request(now, requester, message, out);
    }
  }

  #request(now: number, requester: Requester, request: ClassicRequest, out: Outbox<ServerEvent>): ClassicWord {
    if (request.publicPort === 0) return "port-0";
    if (request.type === "post") return this.#posts.post(now, requester, request.publicPort);
    return this.#posts.ask(now, requester, request, out);
  }
}
