/** Who waits for a counterpart: requests of the classic protocols, by the IPv4 address that they came from. */
import { type Address4, type PortId, type SendOptions, sameAddress } from "@fractal-punch/machine";
import { type Age, Ages } from "./ages.ts";

/** Where a request came from, and how it is answered. */
export interface Requester {
  readonly transport: "udp" | "tcp";
  readonly port: PortId;
  readonly from: Address4;
  /** Sends from the local address that was asked, where a port has several. */
  readonly options: SendOptions | undefined;
}

export class Waiter {
  readonly requester: Requester;
  /** What it waits under, besides its address: a number whose meaning is the table's. */
  readonly name: number;
  /** The key of the client that it was matched with last: a client's repeats are not told as further matches. */
  lastClient: number = 0;
  readonly age: Age<Waiter>;
  /** The one at the same IP address that asked before it. */
  before: Waiter | undefined;

  constructor(now: number, requester: Requester, name: number, ages: Ages<Waiter>) {
    this.requester = requester;
    this.name = name;
    this.age = ages.add(now, this);
  }
}

export interface WaitingLimits {
  readonly lifeMs: number;
  readonly entries: number;
  /** Small, since those of one address are looked through one by one. */
  readonly perAddress: number;
}

export class Waiting {
  readonly #limits: WaitingLimits;
  readonly #ages: Ages<Waiter>;
  /** By IP address, each the one that asked last. */
  readonly #newest = new Map<number, Waiter>();

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
    this.#ages = new Ages(limits.lifeMs);
  }

  get size(): number {
    return this.#ages.size;
  }

  get isFull(): boolean {
    return this.size >= this.#limits.entries;
  }

  /** When the next one's time is over; `Infinity` when nobody waits. */
  get endsAt(): number {
    return this.#ages.endsAt;
  }

  /** The one that asked longest ago. */
  get oldest(): Waiter | undefined {
    return this.#ages.oldest?.entry;
  }

  /** Whether its time is not over, though nobody may have been woken for that yet. */
  isLive(now: number, waiter: Waiter): boolean {
    return now < waiter.age.usedAt + this.#limits.lifeMs;
  }

  /** Who asked last, of those at that address under that name whose time is not over. */
  newestAt(now: number, ip: number, name: number): Waiter | undefined {
    let waiter = this.#newest.get(ip);
    while (waiter !== undefined && waiter.name !== name) waiter = waiter.before;
    return waiter !== undefined && this.isLive(now, waiter) ? waiter : undefined;
  }

  /** The one on that very 5-tuple, under that name if one is given. */
  on(port: PortId, from: Address4, name?: number): Waiter | undefined {
    let waiter = this.#newest.get(from.ip);
    while (waiter !== undefined && !(isOn(waiter.requester, port, from) && (name ?? waiter.name) === waiter.name))
      waiter = waiter.before;
    return waiter;
  }

  /** The oldest of an address that has as many as it may; `undefined` while it may have more. */
  surplusAt(ip: number): Waiter | undefined {
    let oldest: Waiter | undefined;
    let count = 0;
    for (let waiter = this.#newest.get(ip); waiter !== undefined; waiter = waiter.before) {
      oldest = waiter;
      count++;
    }
    return count >= this.#limits.perAddress ? oldest : undefined;
  }

  /** Adds what is not there yet; look at `isFull` and `surplusAt` first. */
  add(now: number, requester: Requester, name: number): Waiter {
    const waiter = new Waiter(now, requester, name, this.#ages);
    this.#attach(waiter);
    return waiter;
  }

  /** It asked again: its time begins anew. */
  renew(now: number, waiter: Waiter): void {
    this.#ages.renew(now, waiter.age);
    this.#detach(waiter);
    this.#attach(waiter);
  }

  remove(waiter: Waiter): void {
    this.#ages.remove(waiter.age);
    this.#detach(waiter);
  }

  #attach(waiter: Waiter): void {
    const { ip } = waiter.requester.from;
    waiter.before = this.#newest.get(ip);
    this.#newest.set(ip, waiter);
  }

  #detach(waiter: Waiter): void {
    const { ip } = waiter.requester.from;
    let after = this.#newest.get(ip);
    if (after === waiter) {
      if (waiter.before === undefined) this.#newest.delete(ip);
      else this.#newest.set(ip, waiter.before);
      return;
    }
    while (after !== undefined && after.before !== waiter) after = after.before;
    if (after !== undefined) after.before = waiter.before;
  }
}

function isOn(requester: Requester, port: PortId, from: Address4): boolean {
  return requester.port === port && sameAddress(requester.from, from);
}
