/** Who sees every datagram of a world, and sends any from any address. */
import { type Address, addressFromText, ipText } from "@fractal-punch/machine";
import type { Pair, Prng } from "@fractal-punch/sim";

export interface Captured {
  readonly from: string;
  readonly target: Address;
  readonly bytes: Uint8Array;
}

export class Attacker {
  readonly captured: Captured[] = [];
  readonly prng: Prng;
  readonly #pair: Pair;

  constructor(pair: Pair) {
    this.#pair = pair;
    this.prng = pair.world.random("attacker");
    pair.world.watch({
      sent: ({ origin, target, bytes }) => {
        if (origin.name !== "forger") this.captured.push({ from: origin.name, target, bytes: bytes.slice() });
      },
    });
  }

  /** One captured datagram of each first byte, direction and length. */
  get kinds(): Captured[] {
    const kinds = new Map<string, Captured>();
    for (const one of this.captured) {
      const first = one.bytes[0] ?? 0;
      kinds.set(`${one.from} ${first < 0x40 ? first : 0x40} ${one.bytes[1]} ${one.bytes.length}`, one);
    }
    return [...kinds.values()];
  }

  /** Sends it again to where it went, as if it came from `source`. */
  replay(source: Address, { target, bytes }: Captured): void {
    this.#pair.world.forge(source, target, bytes);
  }

  /** A captured datagram with one to four of its bytes changed, or cut short. */
  mutated({ from, target, bytes }: Captured): Captured {
    const copy = bytes.slice(0, this.prng.chance(0.2) ? this.prng.below(bytes.length + 1) : bytes.length);
    for (let i = this.prng.below(4); i >= 0; i--) copy[this.prng.below(copy.length || 1)] = this.prng.below(256);
    return { from, target, bytes: copy };
  }

  /** Random bytes behind a first byte that means something. */
  random(target: Address): Captured {
    const bytes = new Uint8Array(this.prng.below(1233));
    this.prng.fill(bytes);
    bytes[0] = [0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x40, 0x4f, 0x80][this.prng.below(10)] ?? 0;
    return { from: "", target, bytes };
  }
}

/** Datagrams that the three sent to an IP address. */
export function sentTo(pair: Pair, address: Address): { from: string; lengthBytes: number; firstByte: number }[] {
  return pair.world.log.filter(({ from, target }) => from !== "forger" && ipText(target) === ipText(address));
}

export function endpoint(text: string): Address {
  const found = addressFromText(text);
  if (found === undefined) throw new Error(`"${text}" is no address and port`);
  return found;
}
