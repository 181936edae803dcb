/** A stateful filter without translation: what is sent out may be answered, nothing else comes in (RFC 6092). */
import { type Address, type AddressKey, addressKey } from "@fractal-punch/machine";
import { remoteKey } from "./nat.ts";
import type { FirewallBehaviour } from "./nat-behaviour.ts";
import type { Refusal, Translator } from "./translator.ts";

export class Firewall implements Translator {
  readonly #behaviour: FirewallBehaviour;
  /** When each pair of inside endpoint and permitted remote ends. */
  readonly #sessions: Map<AddressKey, Map<AddressKey, number>> = new Map();
  #size = 0;
  #quietUntilMs = 0;

  constructor(behaviour: FirewallBehaviour) {
    this.#behaviour = behaviour;
  }

  get size(): number {
    return this.#size;
  }

  outbound(now: number, inside: Address, to: Address): Address | Refusal {
    const key = addressKey(inside);
    const remote = remoteKey(this.#behaviour.filtering, to);
    const isNew = this.#sessions.get(key)?.has(remote) !== true;
    if (isNew && !this.#hasRoom(now)) return "table-full";
    const sessions = this.#sessions.get(key) ?? new Map<AddressKey, number>();
    this.#sessions.set(key, sessions.set(remote, now + this.#behaviour.lifetimeMs));
    if (isNew) this.#size++;
    return inside;
  }

  inbound(now: number, outside: Address, from: Address): Address | Refusal {
    const { filtering, lifetimeMs, refresh } = this.#behaviour;
    const sessions = this.#sessions.get(addressKey(outside));
    const remote = remoteKey(filtering, from);
    if ((sessions?.get(remote) ?? 0) <= now) return "filtered";
    if (refresh === "both") sessions?.set(remote, now + lifetimeMs);
    return outside;
  }

  owner(_now: number, outside: Address): Address {
    return outside;
  }

  #hasRoom(now: number): boolean {
    const { maxSessions } = this.#behaviour;
    if (this.#size >= maxSessions && now >= this.#quietUntilMs) this.#removeExpired(now);
    return this.#size < maxSessions;
  }

  #removeExpired(now: number): void {
    this.#quietUntilMs = now + this.#behaviour.lifetimeMs;
    for (const [key, sessions] of this.#sessions) {
      for (const [remote, expiresAtMs] of sessions) {
        if (expiresAtMs > now) this.#quietUntilMs = Math.min(this.#quietUntilMs, expiresAtMs);
        else if (sessions.delete(remote)) this.#size--;
      }
      if (sessions.size === 0) this.#sessions.delete(key);
    }
  }
}

/** A router without a filter. */
export const openRouter: Translator = {
  outbound: (_now, inside) => inside,
  inbound: (_now, outside) => outside,
  owner: (_now, outside) => outside,
  size: 0,
};
