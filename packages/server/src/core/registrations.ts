/** The table of hosts: who is reachable where, under which ticket and key. */
import type { Address, Deadline, Deadlines } from "@fractal-punch/machine";
import { asciiBytes, hostIdText } from "@fractal-punch/wire";
import type { Channels } from "./channels.ts";
import type { Limits } from "./limits.ts";
import type { Account } from "./quotas.ts";
import type { HostTicket } from "./tickets.ts";
import type { Timed } from "./timed.ts";
import type { Tuple, Tuples } from "./tuples.ts";

/** One address family of a registration. A leg that has lapsed still says where its channels are. */
export interface Leg {
  tuple: Tuple;
  /** The highest SEQUENCE taken. */
  sequence: number;
  endsAt: number;
  live: boolean;
}

/** What a host proved when it registered. Bytes are kept as text, which takes a fifth of the memory. */
export interface Proven {
  /** The host's public key, one character a byte. */
  readonly host: string;
  /** One character a byte, as all of `replaced`. */
  readonly instance: string;
  /** The registration key, one character a byte. */
  readonly key: string;
  /** Instances that came before, the latest first. */
  readonly replaced: readonly string[];
  readonly ticket: HostTicket;
  /** Absent when relaying is not limited. */
  readonly account: Account | undefined;
}

export class Registration {
  readonly kind = "registration";
  readonly host: string;
  readonly instance: string;
  readonly #key: string;
  readonly replaced: readonly string[];
  ticket: HostTicket;
  account: Account | undefined;
  leg4: Leg | undefined;
  leg6: Leg | undefined;
  readonly deadline: Deadline<Timed>;

  constructor(proven: Proven, deadlines: Deadlines<Timed>) {
    this.host = proven.host;
    this.instance = proven.instance;
    this.#key = proven.key;
    this.replaced = proven.replaced;
    this.ticket = proven.ticket;
    this.account = proven.account;
    this.deadline = deadlines.create(this, "registration lapses");
  }

  get hostId(): string {
    return hostIdText(asciiBytes(this.host));
  }

  /** The registration key: signs refreshes, introductions and notices. */
  get key(): Uint8Array {
    return asciiBytes(this.#key);
  }

  leg(family: 4 | 6): Leg | undefined {
    return family === 4 ? this.leg4 : this.leg6;
  }

  get legs(): Leg[] {
    return [this.leg4, this.leg6].filter((leg) => leg !== undefined);
  }

  /** At most one for each family; empty once it has lapsed. */
  get liveLegs(): Leg[] {
    return this.legs.filter((leg) => leg.live);
  }

  /** Those that UDP may reach it at. */
  get addresses(): Address[] {
    return this.liveLegs.filter(({ tuple }) => !tuple.isStream).map(({ tuple }) => tuple.address);
  }

  /**
   * The leg over which a client of that family is introduced. A host that came by a stream last has no UDP; one that came
   * by UDP since needs none of its streams any more.
   */
  legFor(family: 4 | 6): Leg | undefined {
    const legs = this.liveLegs.toSorted((a, b) => b.sequence - a.sequence);
    if (legs[0]?.tuple.isStream === true) return legs[0];
    const udp = legs.filter(({ tuple }) => !tuple.isStream);
    return udp.find(({ tuple }) => tuple.address.family === family) ?? udp[0];
  }
}

const neverReplaced: readonly string[] = [];

export class Registrations {
  readonly #tuples: Tuples;
  readonly #channels: Channels;
  readonly #limits: Limits;
  readonly #byHost = new Map<string, Registration>();
  readonly #idsByUsername = new Map<string, number>();

  constructor(tuples: Tuples, channels: Channels, limits: Limits) {
    this.#tuples = tuples;
    this.#channels = channels;
    this.#limits = limits;
  }

  get size(): number {
    return this.#byHost.size;
  }

  get isFull(): boolean {
    return this.#byHost.size >= this.#limits.registrations;
  }

  /** Also one that has lapsed but still has channels. */
  find(host: string): Registration | undefined {
    return this.#byHost.get(host);
  }

  all(): IterableIterator<Registration> {
    return this.#byHost.values();
  }

  /** How many host ids are registered under that username. */
  idsUnder(username: string): number {
    return this.#idsByUsername.get(username) ?? 0;
  }

  /** The instances that a successor of `older` has to remember. */
  replacedBy(older: Registration | undefined): readonly string[] {
    if (older === undefined) return neverReplaced;
    return [older.instance, ...older.replaced].slice(0, this.#limits.replacedInstances);
  }

  add(registration: Registration): void {
    this.#byHost.set(registration.host, registration);
    this.#count(registration.ticket.username, 1);
  }

  /** Ends the registration and its channels. */
  remove(registration: Registration): void {
    this.#byHost.delete(registration.host);
    this.#count(registration.ticket.username, -1);
    for (const leg of registration.legs) {
      this.#channels.endAll(registration, leg.tuple);
      this.lapse(registration, leg);
    }
  }

  changeTicket(registration: Registration, ticket: HostTicket, account: Account | undefined): void {
    this.#count(registration.ticket.username, -1);
    registration.ticket = ticket;
    registration.account = account;
    this.#count(ticket.username, 1);
  }

  /** The host is reachable on that 5-tuple from now on; its channels of that family follow, to a stream all of them. */
  place(registration: Registration, tuple: Tuple, sequence: number, endsAt: number): void {
    const { family } = tuple.address;
    const leg = registration.leg(family);
    if (leg?.live !== true || leg.tuple !== tuple) tuple.trust++;
    if (tuple.isStream) (tuple.hosts ??= new Set()).add(registration);
    if (leg?.tuple === tuple) {
      // In place: a new object for each refresh would be old when it is dropped, and wait long for the collector.
      leg.sequence = sequence;
      leg.endsAt = endsAt;
      leg.live = true;
      return;
    }
    const placed: Leg = { tuple, sequence, endsAt, live: true };
    const other = registration.leg(family === 4 ? 6 : 4);
    if (family === 4) registration.leg4 = placed;
    else registration.leg6 = placed;
    // Who comes by a stream has no UDP of either family.
    if (other !== undefined && tuple.isStream) this.#channels.move(registration, other.tuple, tuple);
    if (leg === undefined) return;
    this.#channels.move(registration, leg.tuple, tuple);
    this.lapse(registration, leg);
  }

  /** Nobody is introduced there any more; channels stay. */
  lapse(registration: Registration, leg: Leg): void {
    if (!leg.live) return;
    leg.live = false;
    leg.tuple.hosts?.delete(registration);
    leg.tuple.trust--;
    this.#tuples.release(leg.tuple);
  }

  hasChannels(registration: Registration): boolean {
    return registration.legs.some((leg) => this.#channels.hasAny(registration, leg.tuple));
  }

  #count(username: string, difference: 1 | -1): void {
    const count = this.idsUnder(username) + difference;
    if (count === 0) this.#idsByUsername.delete(username);
    else this.#idsByUsername.set(username, count);
  }
}
