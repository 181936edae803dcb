/** The table of allocations (RFC 8656 section 5): by the ports that they relay through, and by their relayed addresses. */
import {
  type Address,
  type AddressKey,
  addressKey,
  type Deadlines,
  type Outbox,
  type PortId,
} from "@fractal-punch/machine";
import type { ServerEvent } from "../events.ts";
import type { Rules } from "../forwarding/rules.ts";
import type { Timed } from "../timed.ts";
import type { Tuple, Tuples } from "../tuples.ts";
import type { Allocation, Relay } from "./allocation.ts";
import type { Holdings } from "./holdings.ts";
import { withdrawChannels } from "./relay-rules.ts";
import type { RelayTransport } from "./wanted.ts";

export class Allocations {
  readonly #tuples: Tuples;
  readonly #deadlines: Deadlines<Timed>;
  readonly #holdings: Holdings;
  readonly #rules: Rules;
  readonly #byPort = new Map<PortId, Allocation>();
  /** A number of UDP and one of TCP are two ports. */
  readonly #byRelay = { udp: new Map<AddressKey, Allocation>(), tcp: new Map<AddressKey, Allocation>() };
  #size = 0;

  constructor(tuples: Tuples, deadlines: Deadlines<Timed>, holdings: Holdings, rules: Rules) {
    this.#tuples = tuples;
    this.#deadlines = deadlines;
    this.#holdings = holdings;
    this.#rules = rules;
  }

  get size(): number {
    return this.#size;
  }

  /** The allocation that relays through that port. */
  throughPort(port: PortId): Allocation | undefined {
    return this.#byPort.get(port);
  }

  /** The allocation that has that relayed address. */
  at(transport: RelayTransport, relayed: Address): Allocation | undefined {
    return this.#byRelay[transport].get(addressKey(relayed));
  }

  /** It lives from now on, with those relays, whose ports are open. */
  add(allocation: Allocation, relays: readonly Relay[], endsAt: number): void {
    allocation.relays = relays;
    allocation.credit = this.#rules.openCell();
    this.arrive(allocation, allocation.tuple);
    for (const relay of relays) {
      this.#byPort.set(relay.port, allocation);
      this.#byRelay[allocation.transport].set(addressKey(relay.address), allocation);
    }
    this.#size++;
    this.renew(allocation, endsAt);
  }

  /** Its client is, or may soon be, on that 5-tuple. */
  arrive(allocation: Allocation, tuple: Tuple): void {
    tuple.allocation = allocation;
    tuple.channels = allocation.channels;
    tuple.trust++;
  }

  /** Its client is no more on that 5-tuple. */
  leave(tuple: Tuple): void {
    tuple.allocation = undefined;
    tuple.channels = undefined;
    tuple.trust--;
    this.#tuples.release(tuple);
  }

  renew(allocation: Allocation, endsAt: number): void {
    allocation.endsAt = endsAt;
    this.#deadlines.set(allocation.deadline, endsAt);
  }

  /** Gives the bytes that it was granted and has not relayed. */
  end(allocation: Allocation, out: Outbox<ServerEvent>): number {
    this.#deadlines.drop(allocation.deadline);
    withdrawChannels(this.#rules, allocation);
    const left = this.#closeCredit(allocation);
    for (const relay of allocation.relays) {
      this.#byPort.delete(relay.port);
      this.#byRelay[allocation.transport].delete(addressKey(relay.address));
      out.closePort(relay.port);
    }
    for (const tuple of allocation.tuples) this.leave(tuple);
    this.#holdings.remove(allocation.user.username);
    this.#size--;
    return left;
  }

  all(): Set<Allocation> {
    return new Set(this.#byPort.values());
  }

  #closeCredit(allocation: Allocation): number {
    const { credit } = allocation;
    if (credit === undefined) return 0;
    const left = this.#rules.clearCredit(credit);
    this.#rules.closeCell(credit);
    allocation.credit = undefined;
    return left;
  }
}
