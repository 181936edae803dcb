/**
 * Linux's masquerade. Connection tracking keeps one entry for each pair of endpoints and no mapping as such: a socket
 * gets the same outside port everywhere only because, and as long as, its own port is free towards each destination. A
 * new entry takes the outside port of the socket's newest one, if that is free there, then the socket's own
 * (nf_nat_core.c, get_unique_tuple), so that a port changed by a clash is the socket's port from then on.
 */
import { type Address, type AddressKey, addressKey, withPort } from "@fractal-punch/machine";
import type { LinuxBehaviour } from "./nat-behaviour.ts";
import type { Prng } from "./prng.ts";
import type { Refusal, Translator } from "./translator.ts";

interface Entry {
  /** `undefined`: the router itself took the datagram in. */
  readonly inside: Address | undefined;
  readonly outside: Address;
  readonly remoteKey: AddressKey;
  /** Both sides have sent. */
  replied: boolean;
  expiresAtMs: number;
}

/** Entries by one endpoint, then by the remote one. */
type Tuples = Map<AddressKey, Map<AddressKey, Entry>>;

/** The kernel keeps a port in its class: below 512, below 1024, or above. */
const portClasses: readonly (readonly [first: number, last: number])[] = [
  [1, 511],
  [600, 1023],
  [1024, 65_535],
];
const portTries = 128;

export class LinuxNat implements Translator {
  readonly #behaviour: LinuxBehaviour;
  readonly #address: Address;
  readonly #prng: Prng;
  readonly #byInside: Tuples = new Map();
  readonly #byOutside: Tuples = new Map();
  #size = 0;
  #quietUntilMs = 0;

  /** Masquerade has one address: the outside interface's. */
  constructor(behaviour: LinuxBehaviour, address: Address, prng: Prng) {
    this.#behaviour = behaviour;
    this.#address = address;
    this.#prng = prng;
  }

  get size(): number {
    return this.#size;
  }

  outbound(now: number, inside: Address, to: Address): Address | Refusal {
    const remote = addressKey(to);
    const known = this.#live(now, this.#byInside.get(addressKey(inside))?.get(remote));
    if (known !== undefined) {
      this.#refresh(now, known);
      return known.outside;
    }
    if (!this.#hasRoom(now)) return "table-full";
    const outside = this.#freeOutside(now, inside, remote);
    if (outside === undefined) return "no-port";
    this.#add(now, inside, outside, remote);
    return outside;
  }

  inbound(now: number, outside: Address, from: Address): Address | Refusal {
    const remote = addressKey(from);
    const known = this.#live(now, this.#byOutside.get(addressKey(outside))?.get(remote));
    if (known === undefined) {
      if (this.#behaviour.takesUnasked && this.#hasRoom(now)) this.#add(now, undefined, outside, remote);
      return "no-mapping";
    }
    if (known.inside !== undefined) known.replied = true;
    this.#refresh(now, known);
    return known.inside ?? "no-mapping";
  }

  owner(now: number, outside: Address, from: Address): Address | undefined {
    const entry = this.#byOutside.get(addressKey(outside))?.get(addressKey(from));
    return entry === undefined || entry.expiresAtMs <= now ? undefined : entry.inside;
  }

  #freeOutside(now: number, inside: Address, remote: AddressKey): Address | undefined {
    const newest = this.#newest(now, inside)?.outside;
    if (newest !== undefined && this.#isFree(now, newest, remote)) return newest;
    const kept = withPort(this.#address, inside.port);
    if (this.#isFree(now, kept, remote)) return kept;
    const portClass = portClasses.find(([, last]) => inside.port <= last);
    const [first, last] = portClass ?? [1024, 65_535];
    const count = last - first + 1;
    const start = this.#prng.below(count);
    for (let i = 0; i < Math.min(portTries, count); i++) {
      const outside = withPort(this.#address, first + ((start + i) % count));
      if (this.#isFree(now, outside, remote)) return outside;
    }
    return undefined;
  }

  #newest(now: number, inside: Address): Entry | undefined {
    let newest: Entry | undefined;
    // A map gives its entries as they were put in.
    for (const entry of this.#byInside.get(addressKey(inside))?.values() ?? [])
      if (entry.expiresAtMs > now) newest = entry;
    return newest;
  }

  #isFree(now: number, outside: Address, remote: AddressKey): boolean {
    return this.#live(now, this.#byOutside.get(addressKey(outside))?.get(remote)) === undefined;
  }

  #add(now: number, inside: Address | undefined, outside: Address, remoteKey: AddressKey): void {
    const entry: Entry = { inside, outside, remoteKey, replied: false, expiresAtMs: 0 };
    this.#refresh(now, entry);
    put(this.#byOutside, addressKey(outside), entry);
    if (inside !== undefined) put(this.#byInside, addressKey(inside), entry);
    this.#size++;
  }

  #refresh(now: number, entry: Entry): void {
    entry.expiresAtMs = now + (entry.replied ? this.#behaviour.repliedMs : this.#behaviour.unrepliedMs);
  }

  #live(now: number, entry: Entry | undefined): Entry | undefined {
    if (entry === undefined || entry.expiresAtMs > now) return entry;
    this.#remove(entry);
    return undefined;
  }

  #hasRoom(now: number): boolean {
    const { maxSessions } = this.#behaviour;
    if (this.#size < maxSessions) return true;
    if (now >= this.#quietUntilMs) this.#removeExpired(now);
    return this.#size < maxSessions;
  }

  #removeExpired(now: number): void {
    let earliest = now + this.#behaviour.unrepliedMs;
    for (const entries of this.#byOutside.values())
      for (const entry of entries.values())
        if (this.#live(now, entry) !== undefined) earliest = Math.min(earliest, entry.expiresAtMs);
    this.#quietUntilMs = earliest;
  }

  #remove(entry: Entry): void {
    remove(this.#byOutside, addressKey(entry.outside), entry);
    if (entry.inside !== undefined) remove(this.#byInside, addressKey(entry.inside), entry);
    this.#size--;
  }
}

function put(tuples: Tuples, key: AddressKey, entry: Entry): void {
  const entries = tuples.get(key);
  if (entries === undefined) tuples.set(key, new Map([[entry.remoteKey, entry]]));
  else entries.set(entry.remoteKey, entry);
}

function remove(tuples: Tuples, key: AddressKey, entry: Entry): void {
  const entries = tuples.get(key);
  entries?.delete(entry.remoteKey);
  if (entries?.size === 0) tuples.delete(key);
}
