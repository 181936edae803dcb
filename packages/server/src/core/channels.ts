/**
 * Channels (RFC 8656's term): numbers on 5-tuples under which the server relays between an introduced pair. What may be
 * relayed is written down as rules for the forwarding plane; `forward` does the same for what that leaves to control.
 */
import {
  type Deadline,
  type Deadlines,
  type Outbox,
  type Random,
  randomBelow,
  type SendOptions,
} from "@fractal-punch/machine";
import {
  channelDataPayload,
  channelHeaderBytes,
  encodeChannelData,
  firstChannel,
  lastChannel,
  readU16,
  writeChannelHeader,
} from "@fractal-punch/wire";
import type { Clock } from "./clock.ts";
import type { ServerEvent } from "./events.ts";
import type { Rule, Rules } from "./forwarding/rules.ts";
import type { Introduction } from "./introductions.ts";
import type { Limits } from "./limits.ts";
import type { Drop } from "./outcome.ts";
import type { Quotas } from "./quotas.ts";
import type { Registration } from "./registration.ts";
import type { ClientTicket } from "./tickets.ts";
import type { Timed } from "./timed.ts";
import type { Tuple, Tuples } from "./tuples.ts";

/** One side of a pair. */
export interface Channel {
  readonly kind: "session";
  readonly pair: Pair;
  readonly number: number;
  tuple: Tuple;
  /** The cell of the bytes that this side may still send through. */
  readonly credit: number;
  /** Whether each byte that this side sends gives one to the other side's credit: an unproven client's does. */
  earns: boolean;
  /** What the forwarding plane keeps to; absent where it cannot do this side's work. */
  rule: number | undefined;
}

export class Pair {
  readonly kind = "pair";
  readonly client: Channel;
  readonly host: Channel;
  readonly registration: Registration;
  readonly ticket: ClientTicket;
  /** Whether the client's address is proven. */
  proven = false;
  ended = false;
  /** The record that it was made for. */
  introduction: Introduction = 0;
  /** Time of the last datagram of either side. */
  activeAt: number;
  readonly deadline: Deadline<Timed>;

  constructor(
    now: number,
    client: Pick<Channel, "tuple" | "number" | "credit">,
    host: Pick<Channel, "tuple" | "number" | "credit">,
    registration: Registration,
    ticket: ClientTicket,
    deadlines: Deadlines<Timed>,
  ) {
    this.client = sideOf(this, client, true);
    this.host = sideOf(this, host, false);
    this.registration = registration;
    this.ticket = ticket;
    this.activeAt = now;
    this.deadline = deadlines.create(this, "channel idle");
  }
}

/** Written out, because an object that is spread into another and given more fields takes several times the memory. */
function sideOf(pair: Pair, side: Pick<Channel, "tuple" | "number" | "credit">, earns: boolean): Channel {
  const { tuple, number, credit } = side;
  return { kind: "session", pair, number, tuple, credit, earns, rule: undefined };
}

const numberCount = lastChannel - firstChannel + 1;

export class Channels {
  readonly #tuples: Tuples;
  readonly #quotas: Quotas;
  readonly #rules: Rules;
  readonly #deadlines: Deadlines<Timed>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #limits: Limits;
  readonly #pairs = new Set<Pair>();
  readonly #head = new Uint8Array(channelHeaderBytes);

  constructor(
    tuples: Tuples,
    quotas: Quotas,
    rules: Rules,
    deadlines: Deadlines<Timed>,
    clock: Clock,
    random: Random,
    limits: Limits,
  ) {
    this.#tuples = tuples;
    this.#quotas = quotas;
    this.#rules = rules;
    this.#deadlines = deadlines;
    this.#clock = clock;
    this.#random = random;
    this.#limits = limits;
  }

  /** Pairs of channels. */
  get size(): number {
    return this.#pairs.size;
  }

  get isFull(): boolean {
    return this.#pairs.size >= this.#limits.channels;
  }

  /** Relays one ChannelData datagram to the other side of its channel, and to nobody else. */
  forward(
    now: number,
    channel: Channel,
    bytes: Uint8Array,
    ecn: number | undefined,
    out: Outbox<ServerEvent>,
  ): "served" | Drop {
    const { pair } = channel;
    const other = channel === pair.client ? pair.host : pair.client;
    if (other.tuple.hasEnded) return "host-away";
    if (!this.#spend(now, channel, bytes.length)) return "no-credit";
    if (channel.earns) this.#rules.addCredit(other.credit, bytes.length);
    pair.activeAt = now;
    const { port, address, isStream } = other.tuple;
    const options = withEcn(other.tuple.options, ecn);
    // What came by a stream is a part of the piece in hand, or was in several.
    if (isStream || channel.tuple.isStream) {
      out.send(port, address, encodeChannelData(other.number, channelDataPayload(bytes), isStream), options);
    } else {
      writeChannelHeader(this.#head, other.number, readU16(bytes, 2));
      out.forward(port, address, this.#head, channelHeaderBytes, options);
    }
    return "served";
  }

  /** Binds a pair; `undefined` when one of the two 5-tuples has no room. */
  bind(now: number, client: Tuple, host: Tuple, registration: Registration, ticket: ClientTicket): Pair | undefined {
    const clientNumber = this.#freeNumber(client);
    if (clientNumber === undefined) return undefined;
    const hostNumber = this.#freeNumber(host, client === host ? clientNumber : undefined);
    if (hostNumber === undefined) return undefined;
    const clientEnd = { tuple: client, number: clientNumber, credit: this.#rules.openCell() };
    const hostEnd = { tuple: host, number: hostNumber, credit: this.#rules.openCell() };
    const pair = new Pair(now, clientEnd, hostEnd, registration, ticket, this.#deadlines);
    place(pair.client);
    place(pair.host);
    this.#pairs.add(pair);
    this.#publish(pair);
    this.#deadlines.set(pair.deadline, this.#endsAt(pair));
    // A 5-tuple with a proven channel is trusted; there may be thousands on another.
    if (client.trust > 0 && pairsLike(pair).some(({ proven }) => proven)) this.#prove(pair);
    return pair;
  }

  /**
   * The client's address is proven, for all that its ticket has there: which of its Connects the host goes by is the host's
   * to say. What others have there is not: whoever forges that address must not have its owner prove it for him.
   */
  prove(pair: Pair): void {
    for (const each of pairsLike(pair)) this.#prove(each);
  }

  end(pair: Pair): void {
    pair.ended = true;
    this.#pairs.delete(pair);
    this.#deadlines.clear(pair.deadline);
    if (pair.proven) pair.client.tuple.trust--;
    this.#withdraw(pair);
    for (const channel of [pair.client, pair.host]) {
      channel.tuple.channels?.delete(channel.number);
      this.#tuples.release(channel.tuple);
      const left = this.#rules.clearCredit(channel.credit);
      if (pair.proven || channel === pair.client) this.#quotas.giveBack(pair.registration.account, left);
      this.#rules.closeCell(channel.credit);
    }
  }

  /** Ends the pair if it was idle for too long or its ticket has expired. */
  wake(now: number, pair: Pair): void {
    this.#learnActivity(pair);
    const endsAt = this.#endsAt(pair);
    if (endsAt <= now) this.end(pair);
    else this.#deadlines.set(pair.deadline, endsAt);
  }

  /** The host's channels on one 5-tuple go on under the same numbers on another; those whose numbers are taken end. */
  move(registration: Registration, from: Tuple, to: Tuple): void {
    for (const pair of pairsOf(registration, from)) {
      if (to.channels?.has(pair.host.number)) {
        this.end(pair);
        continue;
      }
      from.channels?.delete(pair.host.number);
      pair.host.tuple = to;
      place(pair.host);
      this.#publish(pair);
    }
    this.#tuples.release(from);
  }

  hasAny(registration: Registration, tuple: Tuple): boolean {
    return pairsOf(registration, tuple).length > 0;
  }

  endAll(registration: Registration, tuple: Tuple): void {
    for (const pair of pairsOf(registration, tuple)) this.end(pair);
  }

  /** The stream has ended: its clients' channels end, a host's wait for it to register from elsewhere. */
  streamEnded(tuple: Tuple): void {
    for (const channel of tuple.channels?.values() ?? [])
      if (channel.kind === "session" && channel === channel.pair.client) this.end(channel.pair);
    tuple.hasEnded = true;
    this.#tuples.forget(tuple);
  }

  /** Ends what a ticket admitted that is revoked now; looks at every pair. */
  endIf(condition: (pair: Pair) => boolean): void {
    for (const pair of this.#pairs) if (condition(pair)) this.end(pair);
  }

  /** From now on the client's credit is the quota's. */
  #prove(pair: Pair): void {
    if (pair.proven) return;
    pair.proven = true;
    pair.client.earns = false;
    this.#rules.clearCredit(pair.host.credit);
    this.#publish(pair);
    pair.client.tuple.trust++;
    this.#deadlines.set(pair.deadline, this.#endsAt(pair));
  }

  #spend(now: number, channel: Channel, bytes: number): boolean {
    const { pair, credit } = channel;
    if (this.#rules.spend(credit, bytes)) return true;
    if (channel === pair.host && !pair.proven) return false;
    const missing = bytes - this.#rules.creditOf(credit);
    this.#rules.addCredit(credit, this.#quotas.grant(now, pair.registration.account, missing));
    return this.#rules.spend(credit, bytes);
  }

  /** Writes down anew what the forwarding plane is to do; nothing for streams. */
  #publish(pair: Pair): void {
    this.#withdraw(pair);
    const { client, host } = pair;
    if (client.tuple.isStream || host.tuple.isStream) return;
    client.rule = this.#rules.publish(ruleOf(client, host));
    host.rule = this.#rules.publish(ruleOf(host, client));
  }

  #withdraw(pair: Pair): void {
    this.#learnActivity(pair);
    for (const channel of [pair.client, pair.host]) {
      if (channel.rule !== undefined) this.#rules.withdraw(channel.rule);
      channel.rule = undefined;
    }
  }

  #learnActivity(pair: Pair): void {
    for (const { rule } of [pair.client, pair.host])
      if (rule !== undefined) pair.activeAt = Math.max(pair.activeAt, this.#rules.activeAt(rule));
  }

  #endsAt(pair: Pair): number {
    const lifeMs = pair.proven ? this.#limits.channelLifeMs : this.#limits.unprovenChannelLifeMs;
    return Math.min(pair.activeAt + lifeMs, this.#clock.at(pair.ticket.expiresAtMs));
  }

  /** Random among the free, so that nobody can guess another's. */
  #freeNumber(tuple: Tuple, except?: number): number | undefined {
    const taken = tuple.channels;
    if ((taken?.size ?? 0) + (except === undefined ? 0 : 1) >= this.#limits.channelsPerTuple) return undefined;
    const start = randomBelow(this.#random, numberCount);
    for (let step = 0; step < numberCount; step++) {
      const number = firstChannel + ((start + step) % numberCount);
      if (number !== except && !taken?.has(number)) return number;
    }
    return undefined;
  }
}

/** Relayed datagrams keep the ECN bits that they came with (RFC 8656 section 15). */
export function withEcn(options: SendOptions | undefined, ecn: number | undefined): SendOptions | undefined {
  return ecn === undefined || ecn === 0 ? options : { ...options, ecn };
}

/** What `channel` sends comes to the `other` one. */
function ruleOf(channel: Channel, other: Channel): Rule {
  return {
    kind: "session",
    port: channel.tuple.port,
    from: channel.tuple.address,
    number: channel.number,
    outPort: other.tuple.port,
    to: other.tuple.address,
    local: other.tuple.options?.local,
    outNumber: other.number,
    credit: channel.credit,
    earner: channel.earns ? other.credit : undefined,
    endsAt: Infinity,
  };
}

function place(channel: Channel): void {
  channel.tuple.channels ??= new Map();
  channel.tuple.channels.set(channel.number, channel);
}

/** All that were bound for the same client's 5-tuple and ticket. */
function pairsLike({ client: { tuple }, ticket }: Pair): Pair[] {
  const pairs: Pair[] = [];
  for (const channel of tuple.channels?.values() ?? []) {
    if (channel.kind !== "session") continue;
    const { pair } = channel;
    if (channel === pair.client && pair.ticket.password === ticket.password) pairs.push(pair);
  }
  return pairs;
}

function pairsOf(registration: Registration, tuple: Tuple): Pair[] {
  const pairs: Pair[] = [];
  for (const channel of tuple.channels?.values() ?? []) {
    if (channel.kind !== "session") continue;
    const { pair } = channel;
    if (channel === pair.host && pair.registration === registration) pairs.push(pair);
  }
  return pairs;
}
