import { type Address, assert, type Deadline, equalBytes, type PortId, sameAddress } from "@fractal-punch/machine";
import { asciiText, hostIdText } from "@fractal-punch/wire";
import type { Holder, Holders } from "./holders.ts";
import type { HostRows } from "./host-rows.ts";
import { familyOf, type Leg, legOf } from "./legs.ts";
import type { Account } from "./quotas.ts";
import type { HostTicket } from "./tickets.ts";
import type { Timed } from "./timed.ts";
import type { Tuple, Tuples } from "./tuples.ts";

/** Where what a registration knows is kept. */
export interface RegistrationTables {
  readonly hosts: HostRows;
  readonly holders: Holders;
  readonly tuples: Tuples;
}

const families = [4, 6] as const;

/** Where a host is reached. */
type Reach = Pick<Tuple, "port" | "address" | "options">;

/**
 * A registered host. What is known of it is in tables; this object is made to ask them, and kept only as long as there is
 * more to a host than they hold: channels, a stream, a deadline of its own. Of no use once the registration was removed.
 */
export class Registration {
  readonly kind = "registration";
  readonly row: number;
  /** Where its channels of that family are, or its stream; `undefined` while it has none. */
  readonly tuples: { 4: Tuple | undefined; 6: Tuple | undefined } = { 4: undefined, 6: undefined };
  /** For what does not wait until a leg lapses. */
  deadline: Deadline<Timed> | undefined;
  readonly #tables: RegistrationTables;
  #key: Uint8Array | undefined;

  constructor(row: number, tables: RegistrationTables) {
    this.row = row;
    this.#tables = tables;
  }

  /** The host's public key, one character a byte. */
  get host(): string {
    return asciiText(this.#tables.hosts.host(this.row));
  }

  get hostId(): string {
    return hostIdText(this.#tables.hosts.host(this.row));
  }

  /** The registration key: signs refreshes, introductions and notices. A view. */
  get key(): Uint8Array {
    return (this.#key ??= this.#tables.hosts.registrationKey(this.row));
  }

  get holder(): Holder {
    const holder = this.#tables.holders.at(this.#tables.hosts.holder(this.row));
    assert(holder !== undefined, "a registration has a holder");
    return holder;
  }

  get ticket(): HostTicket {
    return this.holder.ticket;
  }

  /** Absent when relaying is not limited. */
  get account(): Account | undefined {
    return this.holder.account;
  }

  isOf(instance: Uint8Array): boolean {
    return equalBytes(this.#tables.hosts.instance(this.row), instance);
  }

  hasReplaced(instance: Uint8Array): boolean {
    return this.#tables.hosts.replaced(this.row).some((replaced) => equalBytes(replaced, instance));
  }

  leg(family: 4 | 6): Leg {
    return legOf(this.row, family);
  }

  get isLive(): boolean {
    const { legs } = this.#tables.hosts;
    return legs.isLive(this.leg(4)) || legs.isLive(this.leg(6));
  }

  /** At most one for each family; empty once it has lapsed. */
  get liveLegs(): Leg[] {
    const { legs } = this.#tables.hosts;
    const live: Leg[] = [];
    for (const family of families) if (legs.isLive(this.leg(family))) live.push(this.leg(family));
    return live;
  }

  /** The 5-tuple of a live leg. */
  reach(leg: Leg): Reach {
    const { tuples, hosts } = this.#tables;
    const stream = hosts.legs.state(leg) === "stream" ? this.tuples[familyOf(leg)] : undefined;
    return stream ?? tuples.registered(hosts.legs.tuple(leg));
  }

  /** Whether it is registered there now. */
  isAt(port: PortId, from: Address): boolean {
    const { tuples, hosts } = this.#tables;
    const leg = this.leg(from.family);
    const state = hosts.legs.state(leg);
    if (state === "udp") return tuples.isRegistered(hosts.legs.tuple(leg), port, from);
    const stream = state === "stream" ? this.tuples[from.family] : undefined;
    return stream?.port === port && sameAddress(stream.address, from);
  }

  /** Those that UDP may reach it at. */
  get addresses(): Address[] {
    const addresses: Address[] = [];
    for (const family of families) {
      const leg = this.leg(family);
      if (this.#isUdp(leg)) addresses.push(this.reach(leg).address);
    }
    return addresses;
  }

  /**
   * The leg over which a client of that family is introduced. A host that came by a stream last has no UDP; one that came
   * by UDP since needs none of its streams any more.
   */
  legFor(family: 4 | 6): Leg | undefined {
    const latest = this.#latestLeg;
    if (latest !== undefined && !this.#isUdp(latest)) return latest;
    const own = this.leg(family);
    if (this.#isUdp(own)) return own;
    const other = this.leg(family === 4 ? 6 : 4);
    return this.#isUdp(other) ? other : undefined;
  }

  get #latestLeg(): Leg | undefined {
    const { legs } = this.#tables.hosts;
    const [first, second] = [this.leg(4), this.leg(6)];
    if (!legs.isLive(second)) return legs.isLive(first) ? first : undefined;
    return !legs.isLive(first) || legs.sequence(second) > legs.sequence(first) ? second : first;
  }

  #isUdp(leg: Leg): boolean {
    return this.#tables.hosts.legs.state(leg) === "udp";
  }
}
