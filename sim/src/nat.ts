/**
 * A NAT after RFC 4787. A mapping ties an inside socket (and, where the mapping depends on it, a destination) to an
 * outside port; a session is a remote that a mapping was used towards, as finely as the filter tells remotes apart.
 * Both end `lifetimeMs` after their last refresh.
 */
import { type Address, type AddressKey, addressKey } from "@fractal-punch/machine";
import type { NatBehaviour } from "./nat-behaviour.ts";
import { PortPool } from "./port-pool.ts";
import type { Prng } from "./prng.ts";
import type { Dependence, Refusal, Translator } from "./translator.ts";

/** A remote, or a destination, as finely as a dependence tells them apart. */
type RemoteKey = AddressKey;

interface Mapping {
  readonly inside: Address;
  readonly insideKey: AddressKey;
  readonly destination: RemoteKey;
  readonly outside: Address;
  readonly outsideKey: AddressKey;
  expiresAtMs: number;
  /** Remotes that may answer, with the time at which that ends. */
  readonly sessions: Map<RemoteKey, number>;
}

export class Nat implements Translator {
  readonly #behaviour: NatBehaviour;
  readonly #addresses: readonly Address[];
  readonly #prng: Prng;
  readonly #ports: PortPool;
  readonly #byInside: Map<AddressKey, Map<RemoteKey, Mapping>> = new Map();
  readonly #byOutside: Map<AddressKey, Mapping> = new Map();
  #size = 0;
  /** The time at which a port is being looked for. */
  #now = 0;
  /** Nothing expires before this. */
  #quietUntilMs = 0;

  /** `addresses` are its outside ones, at least one; ports in them are not used. */
  constructor(behaviour: NatBehaviour, addresses: readonly Address[], prng: Prng) {
    this.#behaviour = behaviour;
    this.#addresses = addresses;
    this.#prng = prng;
    this.#ports = new PortPool(behaviour.ports, prng, (outside) => this.#isTaken(outside));
  }

  get size(): number {
    return this.#size;
  }

  outbound(now: number, inside: Address, to: Address): Address | Refusal {
    const mapping = this.#mappingFor(now, inside, to);
    if (typeof mapping === "string") return mapping;
    const remote = remoteKey(this.#behaviour.filtering, to);
    const isNew = !mapping.sessions.has(remote);
    if (isNew && !this.#hasRoom(now)) return "table-full";
    if (isNew) this.#size++;
    mapping.expiresAtMs = now + this.#behaviour.lifetimeMs;
    mapping.sessions.set(remote, mapping.expiresAtMs);
    return mapping.outside;
  }

  inbound(now: number, outside: Address, from: Address): Address | Refusal {
    const mapping = this.#byOutside.get(addressKey(outside));
    if (mapping === undefined) return "no-mapping";
    if (mapping.expiresAtMs <= now) {
      this.#remove(mapping);
      return "no-mapping";
    }
    const { filtering, lifetimeMs, refresh } = this.#behaviour;
    const remote = remoteKey(filtering, from);
    if ((mapping.sessions.get(remote) ?? 0) <= now) return "filtered";
    if (refresh === "both") {
      mapping.expiresAtMs = now + lifetimeMs;
      mapping.sessions.set(remote, mapping.expiresAtMs);
    }
    return mapping.inside;
  }

  owner(now: number, outside: Address): Address | undefined {
    const mapping = this.#byOutside.get(addressKey(outside));
    return mapping === undefined || mapping.expiresAtMs <= now ? undefined : mapping.inside;
  }

  #mappingFor(now: number, inside: Address, to: Address): Mapping | Refusal {
    const insideKey = addressKey(inside);
    const destination = remoteKey(this.#behaviour.mapping, to);
    const known = this.#byInside.get(insideKey)?.get(destination);
    if (known !== undefined && known.expiresAtMs > now) return known;
    if (known !== undefined) this.#remove(known);
    if (!this.#hasRoom(now)) return "table-full";
    this.#now = now;
    const outside = this.#ports.take(this.#addressFor(inside), inside) ?? this.#retake(now, inside);
    if (outside === undefined) return "no-port";
    const outsideKey = addressKey(outside);
    const mapping: Mapping = {
      inside,
      insideKey,
      destination,
      outside,
      outsideKey,
      expiresAtMs: now,
      sessions: new Map(),
    };
    this.#byOutside.set(outsideKey, mapping);
    const siblings = this.#byInside.get(insideKey);
    if (siblings === undefined) this.#byInside.set(insideKey, new Map([[destination, mapping]]));
    else siblings.set(destination, mapping);
    return mapping;
  }

  /** Meeting an expired mapping frees its port at once. */
  #isTaken(outside: AddressKey): boolean {
    const mapping = this.#byOutside.get(outside);
    if (mapping === undefined || mapping.expiresAtMs > this.#now) return mapping !== undefined;
    this.#remove(mapping);
    return false;
  }

  /** Expired mappings hold their host's block until they are met: when none is free, they are looked for. */
  #retake(now: number, inside: Address): Address | undefined {
    if (!this.#removeExpired(now)) return undefined;
    return this.#ports.take(this.#addressFor(inside), inside);
  }

  /** Paired pooling (RFC 4787 REQ-2) is a function of the inside address, so that it needs no memory. */
  #addressFor(inside: Address): Address {
    const count = this.#addresses.length;
    const index = this.#behaviour.pooling === "paired" ? ipSum(inside) % count : this.#prng.below(count);
    const address = this.#addresses[index];
    if (address === undefined) throw new Error("broken invariant: a NAT without an address");
    return address;
  }

  #hasRoom(now: number): boolean {
    const { maxSessions } = this.#behaviour;
    if (this.#size < maxSessions) return true;
    this.#removeExpired(now);
    return this.#size < maxSessions;
  }

  /** Walks the table, unless nothing can have expired since the last walk; true when it removed something. */
  #removeExpired(now: number): boolean {
    if (now < this.#quietUntilMs) return false;
    const before = this.#size;
    let earliest = now + this.#behaviour.lifetimeMs;
    for (const mapping of this.#byOutside.values()) {
      if (mapping.expiresAtMs <= now) {
        this.#remove(mapping);
        continue;
      }
      for (const [remote, expiresAtMs] of mapping.sessions) {
        if (expiresAtMs > now) earliest = Math.min(earliest, expiresAtMs);
        else if (mapping.sessions.delete(remote)) this.#size--;
      }
    }
    this.#quietUntilMs = earliest;
    return this.#size < before;
  }

  #remove(mapping: Mapping): void {
    this.#size -= mapping.sessions.size;
    mapping.sessions.clear();
    this.#byOutside.delete(mapping.outsideKey);
    this.#ports.release(mapping.inside);
    const siblings = this.#byInside.get(mapping.insideKey);
    siblings?.delete(mapping.destination);
    if (siblings?.size === 0) this.#byInside.delete(mapping.insideKey);
  }
}

/** The part of an address that a dependence looks at. */
export function remoteKey(dependence: Dependence, remote: Address): AddressKey {
  if (dependence === "endpoint-independent") return 0;
  return dependence === "address-dependent" ? remote.ip : addressKey(remote);
}

function ipSum(address: Address): number {
  if (address.family === 4) return address.ip;
  let sum = 0;
  for (let i = 0; i < address.ip.length; i++) sum = (sum * 31 + address.ip.charCodeAt(i)) >>> 0;
  return sum;
}
