/**
 * One direction of a line: what becomes of a datagram that enters it. It reads no clock and holds no bytes, so the
 * simulator and a relay of real packets can use the same model.
 */
import type { Prng } from "./prng.ts";

export interface LinkOptions {
  /** The one-way delay. */
  readonly delayMs?: number;
  /** A further delay, evenly spread from 0 to this. Datagrams stay in order. */
  readonly jitterMs?: number;
  /** The share of datagrams that is lost, 0 to 1. */
  readonly lossRate?: number;
  /** The share that arrives twice, the copy up to 1 ms later. */
  readonly duplicateRate?: number;
  /** The share that is held back for `reorderMs`, so that later ones overtake it. */
  readonly reorderRate?: number;
  /** 5 ms when not given. */
  readonly reorderMs?: number;
  /** Bits a second, counting 28 bytes of headers a datagram; no limit when not given. */
  readonly rateBps?: number;
  /** The largest IP packet that passes when it must not be fragmented; any when not given. */
  readonly mtuBytes?: number;
  /** Bytes that wait for the rate before the link drops; 64 KiB when not given. */
  readonly queueBytes?: number;
}

export type LinkFate = "passed" | "lost" | "queue-full";

/** IPv4's and UDP's headers. */
const headerBytes = 28;
const copyDelayMs = 1;

export class Link {
  #options: Required<LinkOptions>;
  readonly #prng: Prng;
  #busyUntilMs = 0;
  #lastArrivalMs = 0;
  /** When the datagram that `enter` passed last comes out. */
  arrivesAtMs = 0;
  /** When its second copy does; `Infinity` when there is none. */
  copyArrivesAtMs: number = Infinity;

  constructor(options: LinkOptions, prng: Prng) {
    this.#options = completed(options);
    this.#prng = prng;
  }

  get options(): LinkOptions {
    return this.#options;
  }

  /** Changes what is named in `options` and nothing else; datagrams on their way are not affected. */
  change(options: LinkOptions): void {
    this.#options = completed({ ...this.#options, ...options });
  }

  /** Whether an IP packet is more than the line takes. */
  isTooLarge(packetBytes: number): boolean {
    return packetBytes > this.#options.mtuBytes;
  }

  /** Decides on one datagram of `lengthBytes` of UDP payload; when it passed, `arrivesAtMs` says when it comes out. */
  enter(now: number, lengthBytes: number): LinkFate {
    const { delayMs, jitterMs, lossRate, duplicateRate, reorderRate, reorderMs, rateBps } = this.#options;
    this.copyArrivesAtMs = Infinity;
    const leavesAt = rateBps === Infinity ? now : this.#queue(now, lengthBytes, rateBps);
    if (leavesAt === Infinity) return "queue-full";
    if (this.#prng.chance(lossRate)) return "lost";
    let at = leavesAt + delayMs;
    if (jitterMs > 0) at += this.#prng.unit() * jitterMs;
    if (at < this.#lastArrivalMs) at = this.#lastArrivalMs;
    if (this.#prng.chance(reorderRate)) at += reorderMs;
    else this.#lastArrivalMs = at;
    this.arrivesAtMs = at;
    if (this.#prng.chance(duplicateRate)) this.copyArrivesAtMs = at + this.#prng.unit() * copyDelayMs;
    return "passed";
  }

  /** When the last bit has left; `Infinity` when the queue has no room. */
  #queue(now: number, lengthBytes: number, rateBps: number): number {
    const startsAt = Math.max(now, this.#busyUntilMs);
    const size = lengthBytes + headerBytes;
    const waitingBytes = ((startsAt - now) * rateBps) / 8000;
    if (waitingBytes + size > this.#options.queueBytes) return Infinity;
    this.#busyUntilMs = startsAt + (size * 8000) / rateBps;
    return this.#busyUntilMs;
  }
}

function completed(options: LinkOptions): Required<LinkOptions> {
  const link = {
    delayMs: 0,
    jitterMs: 0,
    lossRate: 0,
    duplicateRate: 0,
    reorderRate: 0,
    reorderMs: 5,
    rateBps: Infinity,
    mtuBytes: Infinity,
    queueBytes: 65_536,
    ...options,
  };
  for (const [name, value] of Object.entries(link))
    if (!(value >= 0)) throw new RangeError(`a link's ${name} is ${value}; give a number that is not negative`);
  return link;
}
