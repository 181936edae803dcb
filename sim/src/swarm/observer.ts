/** Who sees the datagrams of a swarm's world, and sends copies of them, true and altered ones, from true and false addresses. */
import type { Address } from "@fractal-punch/machine";
import type { Datagram } from "../datagram.ts";
import type { Prng } from "../prng.ts";
import type { Scene } from "./scene.ts";

interface Captured {
  /** As the receiver saw it, and as the sender meant it: both public, where there is but one NAT at each end. */
  readonly source: Address;
  readonly target: Address;
  readonly bytes: Uint8Array;
}

const captureRate = 0.3;
const maxCaptured = 64;
const forgeries = 12;

export class Observer {
  readonly #scene: Scene;
  readonly #prng: Prng;
  readonly #captured: Captured[] = [];
  readonly #underWay: Map<Datagram, Address> = new Map();

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#prng = scene.world.random("observer");
    scene.world.watch({
      sent: (datagram) => {
        if (datagram.transport === "udp" && this.#prng.chance(captureRate))
          this.#underWay.set(datagram, datagram.target);
      },
      dropped: (datagram) => void this.#underWay.delete(datagram),
      delivered: (datagram) => this.#capture(datagram),
    });
  }

  /** Sends its forgeries at times of the next `withinMs`. */
  begin(withinMs: number): void {
    for (let i = 0; i < forgeries; i++) this.#scene.world.after(this.#prng.below(withinMs), () => this.#forge());
  }

  /** Sends everything that it still has once more, as it was. */
  replayAll(): void {
    for (const { source, target, bytes } of this.#captured) this.#scene.world.forge(source, target, bytes);
  }

  #capture(datagram: Datagram): void {
    const target = this.#underWay.get(datagram);
    if (target === undefined) return;
    this.#underWay.delete(datagram);
    const { source, bytes } = datagram;
    const captured = { source, target, bytes: bytes.slice() };
    if (this.#captured.length < maxCaptured) this.#captured.push(captured);
    else this.#captured[this.#prng.below(maxCaptured)] = captured;
  }

  #forge(): void {
    if (this.#captured.length === 0) return;
    const prng = this.#prng;
    const { source, target, bytes } = prng.pick(this.#captured);
    const from = prng.chance(0.5) ? source : prng.pick(this.#captured).source;
    if (from.family !== target.family) return;
    this.#scene.world.forge(from, target, prng.chance(0.5) ? bytes : this.#altered(bytes));
  }

  #altered(bytes: Uint8Array): Uint8Array {
    const prng = this.#prng;
    const altered = bytes.slice(0, prng.chance(0.2) ? prng.below(bytes.length + 1) : bytes.length);
    for (let i = prng.below(4); i >= 0; i--)
      if (altered.length > 0) altered[prng.below(altered.length)] = prng.below(256);
    return altered;
  }
}
