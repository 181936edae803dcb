/** The table of hosts: who is reachable where, under which ticket and key. */
import type { Address, Deadlines, PortId, SendOptions } from "@fractal-punch/machine";
import type { Channels } from "./channels.ts";
import type { HalfSipHash } from "./half-sip-hash.ts";
import { Holders } from "./holders.ts";
import { HostRows } from "./host-rows.ts";
import { familyOf, type Leg, type Legs, rowOf } from "./legs.ts";
import type { Limits } from "./limits.ts";
import type { Account } from "./quotas.ts";
import { Registration, type RegistrationTables } from "./registration.ts";
import type { HostTicket } from "./tickets.ts";
import type { Timed } from "./timed.ts";
import type { Tuple, Tuples } from "./tuples.ts";

/** What a host proved when it registered. */
export interface Proven {
  readonly host: Uint8Array;
  readonly instance: Uint8Array;
  /** The registration key. */
  readonly key: Uint8Array;
  /** Instances that came before, the latest first. */
  readonly replaced: readonly Uint8Array[];
  readonly ticket: HostTicket;
  /** Absent when relaying is not limited. */
  readonly account: Account | undefined;
}

/** Where a Register came from. */
export interface Origin {
  readonly port: PortId;
  readonly from: Address;
  readonly options: SendOptions | undefined;
}

export class Registrations {
  readonly #tuples: Tuples;
  readonly #channels: Channels;
  readonly #deadlines: Deadlines<Timed>;
  readonly #limits: Limits;
  readonly #hosts: HostRows;
  readonly #holders = new Holders();
  readonly #tables: RegistrationTables;
  /** By row; those that are more than their row. */
  readonly #kept = new Map<number, Registration>();
  /**
   * The one that was asked for last. V8 throws compiled code away when a collection finds no object of the kind that the
   * code is for, and there may be no other.
   */
  #latest: Registration | undefined;

  constructor(tuples: Tuples, channels: Channels, deadlines: Deadlines<Timed>, limits: Limits, hash: HalfSipHash) {
    this.#tuples = tuples;
    this.#channels = channels;
    this.#deadlines = deadlines;
    this.#limits = limits;
    this.#hosts = new HostRows(hash, limits.replacedInstances);
    this.#tables = { hosts: this.#hosts, holders: this.#holders, tuples };
  }

  get size(): number {
    return this.#hosts.size;
  }

  get isFull(): boolean {
    return this.size >= this.#limits.registrations;
  }

  get legs(): Legs {
    return this.#hosts.legs;
  }

  /** By its public key. Also one that has lapsed but still has channels. */
  find(host: Uint8Array): Registration | undefined {
    const row = this.#hosts.find(host);
    return row === 0 ? undefined : this.#at(row);
  }

  ofLeg(leg: Leg): Registration {
    return this.#at(rowOf(leg));
  }

  /** Those under tickets of which that is true. Looks at all that there are. */
  *under(condition: (ticket: HostTicket) => boolean): Generator<Registration> {
    const holders = this.#holders.numbersOf(condition);
    if (holders.size === 0) return;
    for (let row = 1; row <= this.#hosts.lastRow; row++) if (holders.has(this.#hosts.holder(row))) yield this.#at(row);
  }

  /** How many host ids are registered under that username. */
  idsUnder(username: string): number {
    return this.#holders.idsUnder(username);
  }

  /** The instances that a successor of `older` has to remember. */
  replacedBy(older: Registration | undefined): Uint8Array[] {
    if (older === undefined) return [];
    const { row } = older;
    return [this.#hosts.instance(row), ...this.#hosts.replaced(row)].map((instance) => instance.slice());
  }

  add({ host, instance, key, replaced, ticket, account }: Proven): Registration {
    const { number } = this.#holders.join(ticket, account);
    const row = this.#hosts.add(host, instance, key, number);
    this.#hosts.setReplaced(row, replaced);
    return this.#at(row);
  }

  /** Ends the registration and its channels. */
  remove(registration: Registration): void {
    const { row, holder } = registration;
    for (const family of [4, 6] as const) {
      const tuple = registration.tuples[family];
      if (tuple !== undefined) this.#channels.endAll(registration, tuple);
      this.lapse(registration, registration.leg(family));
    }
    this.arm(registration, undefined);
    this.#kept.delete(row);
    if (this.#latest?.row === row) this.#latest = undefined;
    this.#hosts.remove(row);
    this.#holders.leave(holder);
  }

  changeTicket(registration: Registration, ticket: HostTicket, account: Account | undefined): void {
    this.#holders.leave(registration.holder);
    this.#hosts.setHolder(registration.row, this.#holders.join(ticket, account).number);
  }

  /** The host is reachable there from now on, where it was not; its channels of that family follow, to a stream all of them. */
  place(registration: Registration, { port, from, options }: Origin, sequence: number, endsAt: number): void {
    const { family } = from;
    const leg = registration.leg(family);
    const isStream = this.#tuples.isStream(port);
    // Who comes by a stream has no UDP of either family.
    const following = [registration.tuples[family], isStream ? registration.tuples[family === 4 ? 6 : 4] : undefined];
    const row = isStream ? 0 : this.#tuples.register(port, from, options);
    this.lapse(registration, leg);
    this.legs.place(leg, isStream ? "stream" : "udp", row, sequence, endsAt);
    const sources = following.filter((tuple) => tuple !== undefined && this.#channels.hasAny(registration, tuple));
    registration.tuples[family] = undefined;
    if (!isStream && sources.length === 0) return;
    const tuple = this.#keep(registration, family, this.#tuples.open(port, from, options));
    if (isStream) {
      tuple.trust++;
      (tuple.hosts ??= new Set()).add(registration);
    }
    for (const source of sources)
      if (source !== undefined && source !== tuple) this.#channels.move(registration, source, tuple);
    this.#tuples.release(tuple);
  }

  /** The host's channels on one 5-tuple go on where it is registered otherwise, or wait. */
  moveChannels(registration: Registration, from: Tuple): void {
    if (!this.#channels.hasAny(registration, from)) return;
    const leg = registration.legFor(from.address.family);
    if (leg === undefined) return;
    const tuple = this.openTuple(registration, leg);
    this.#channels.move(registration, from, tuple);
    this.#tuples.release(tuple);
  }

  /** The 5-tuple of a live leg, for channels on it; `Tuples.release` it when there are none after all. */
  openTuple(registration: Registration, leg: Leg): Tuple {
    const { port, address, options } = registration.reach(leg);
    return this.#keep(registration, familyOf(leg), this.#tuples.open(port, address, options));
  }

  /** Nobody is introduced there any more; channels stay. Does nothing when the leg is not live. */
  lapse(registration: Registration, leg: Leg): void {
    if (!this.legs.isLive(leg)) return;
    const row = this.legs.tuple(leg);
    this.legs.lapse(leg);
    if (row !== 0) return this.#tuples.unregister(row);
    const stream = registration.tuples[familyOf(leg)];
    if (stream === undefined) return;
    stream.hosts?.delete(registration);
    stream.trust--;
    this.#tuples.release(stream);
  }

  hasChannels(registration: Registration): boolean {
    const { tuples } = registration;
    return [tuples[4], tuples[6]].some((tuple) => tuple !== undefined && this.#channels.hasAny(registration, tuple));
  }

  /** Sets the registration's own deadline; with `undefined` it has none. */
  arm(registration: Registration, dueAt: number | undefined): void {
    if (dueAt !== undefined) {
      registration.deadline ??= this.#deadlines.create(registration, "registration ends");
      this.#deadlines.set(registration.deadline, dueAt);
      this.#kept.set(registration.row, registration);
    } else if (registration.deadline !== undefined) {
      this.#deadlines.drop(registration.deadline);
      registration.deadline = undefined;
    }
  }

  /** Keeps no object of a host that is idle again. */
  settle(registration: Registration): void {
    const { row, deadline, tuples } = registration;
    if (deadline !== undefined || !this.#kept.has(row)) return;
    const isBusy = [tuples[4], tuples[6]].some((tuple) => tuple?.hosts?.has(registration));
    if (!isBusy && !this.hasChannels(registration)) this.#kept.delete(row);
  }

  #at(row: number): Registration {
    const kept = this.#kept.get(row);
    if (kept !== undefined) return kept;
    if (this.#latest?.row !== row) this.#latest = new Registration(row, this.#tables);
    return this.#latest;
  }

  #keep(registration: Registration, family: 4 | 6, tuple: Tuple): Tuple {
    registration.tuples[family] = tuple;
    this.#kept.set(registration.row, registration);
    return tuple;
  }
}
