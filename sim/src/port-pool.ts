/** The outside ports of a NAT's public addresses: which one a new mapping gets (RFC 4787 section 4.2). */
import { type Address, type AddressKey, addressKey, withPort } from "@fractal-punch/machine";
import type { PortAllocation } from "./nat-behaviour.ts";
import type { Prng } from "./prng.ts";

const firstPort = 1024;
const portCount = 65_536 - firstPort;
const randomTries = 64;

interface Block {
  /** The outside address and the first port. */
  readonly base: Address;
  readonly key: AddressKey;
  ports: number;
}

export class PortPool {
  readonly #allocation: PortAllocation;
  readonly #prng: Prng;
  readonly #isTaken: (outside: AddressKey) => boolean;
  /** Blocks by the inside IP address that has it; only as long as one of its ports is in use. */
  readonly #blocks: Map<number | string, Block> = new Map();
  readonly #blockKeys: Set<AddressKey> = new Set();
  #lastOffset: number;

  /** `isTaken` says of an outside address and port whether a mapping has it. */
  constructor(allocation: PortAllocation, prng: Prng, isTaken: (outside: AddressKey) => boolean) {
    this.#allocation = allocation;
    this.#prng = prng;
    this.#isTaken = isTaken;
    this.#lastOffset = prng.below(portCount);
  }

  /** A port on `outside` (its port is not used) for `inside`; `undefined` when none is free. */
  take(outside: Address, inside: Address): Address | undefined {
    const allocation = this.#allocation;
    switch (allocation.kind) {
      case "preserving":
        return this.#firstFree(outside, offsetOf(inside.port), 1, portCount);
      case "sequential": {
        const taken = this.#firstFree(outside, this.#lastOffset + allocation.step, allocation.step, portCount);
        if (taken !== undefined) this.#lastOffset = offsetOf(taken.port);
        return taken;
      }
      case "random":
        return this.#anyFree(outside, 0, portCount);
      case "random-in-block":
        return this.#inBlock(outside, inside, allocation.sizePorts);
    }
  }

  /** A port that `take` gave to `inside` is free again. */
  release(inside: Address): void {
    const block = this.#blocks.get(inside.ip);
    if (block === undefined) return;
    block.ports--;
    if (block.ports > 0) return;
    this.#blocks.delete(inside.ip);
    this.#blockKeys.delete(block.key);
  }

  /** The block decides on the outside address too: a host's ports stay together. */
  #inBlock(outside: Address, inside: Address, sizePorts: number): Address | undefined {
    const block = this.#blocks.get(inside.ip) ?? this.#freeBlock(outside, sizePorts);
    if (block === undefined) return undefined;
    const taken = this.#anyFree(block.base, offsetOf(block.base.port), sizePorts);
    if (taken === undefined) return undefined;
    block.ports++;
    this.#blocks.set(inside.ip, block);
    this.#blockKeys.add(block.key);
    return taken;
  }

  #freeBlock(outside: Address, sizePorts: number): Block | undefined {
    const count = Math.floor(portCount / sizePorts);
    const start = this.#prng.below(count);
    for (let i = 0; i < count; i++) {
      const base = withPort(outside, firstPort + ((start + i) % count) * sizePorts);
      const key = addressKey(base);
      if (!this.#blockKeys.has(key)) return { base, key, ports: 0 };
    }
    return undefined;
  }

  /** A free one of `count` ports from `start`: by drawing, and by counting on when they are nearly used up. */
  #anyFree(outside: Address, start: number, count: number): Address | undefined {
    for (let i = 0; i < randomTries; i++) {
      const taken = this.#ifFree(outside, start + this.#prng.below(count));
      if (taken !== undefined) return taken;
    }
    const from = this.#prng.below(count);
    for (let i = 0; i < count; i++) {
      const taken = this.#ifFree(outside, start + ((from + i) % count));
      if (taken !== undefined) return taken;
    }
    return undefined;
  }

  #firstFree(outside: Address, start: number, step: number, count: number): Address | undefined {
    for (let i = 0; i < count; i++) {
      const taken = this.#ifFree(outside, (start + i * step) % portCount);
      if (taken !== undefined) return taken;
    }
    return undefined;
  }

  #ifFree(outside: Address, offset: number): Address | undefined {
    const address = withPort(outside, firstPort + offset);
    return this.#isTaken(addressKey(address)) ? undefined : address;
  }
}

/** Ports below 1024 have no offset of their own: they share the range's. */
function offsetOf(port: number): number {
  return (port < firstPort ? port : port - firstPort) % portCount;
}
