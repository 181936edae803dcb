/** The 5-tuples that the server knows: those with a registration or a channel on them. */
import { type Address, type AddressKey, addressKey, type PortId, type SendOptions } from "@fractal-punch/machine";
import type { Channel } from "./channels.ts";
import type { Ports } from "./ports.ts";
import type { Registration } from "./registrations.ts";
import type { Allocation, TurnChannel } from "./turn/allocation.ts";

export class Tuple {
  readonly port: PortId;
  readonly address: Address;
  /** One end of a stream: what goes there is padded, and reaches nobody once the stream has ended. */
  readonly isStream: boolean;
  /** It has: what is sent there would reach whoever has this 5-tuple next. */
  hasEnded = false;
  /** Sends from the local address that was asked, where a port has several. */
  readonly options: SendOptions | undefined;
  /** What the numbers on it stand for, TURN's or sessions'; made with the first channel, since most hosts are idle. */
  channels: Map<number, Channel | TurnChannel> | undefined;
  /** Those that are registered by this stream, which end with it. */
  hosts: Set<Registration> | undefined;
  /** TURN's. A 5-tuple has an allocation, or registrations and channels of sessions, and never both. */
  allocation: Allocation | undefined;
  /** How many registrations, allocations and proven channels are on it. With one, it passes before the prefix buckets. */
  trust: number = 0;

  constructor(port: PortId, address: Address, isStream: boolean, options: SendOptions | undefined) {
    this.port = port;
    this.address = address;
    this.isStream = isStream;
    this.options = options;
  }
}

export class Tuples {
  /** One map for each of the server's ports, of which there are few; made with the first 5-tuple. */
  readonly #byPort: Map<AddressKey, Tuple>[] = [];
  readonly #ports: Ports;

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#byPort.reduce((size, tuples) => size + tuples.size, 0);
  }

  find(port: PortId, address: Address): Tuple | undefined {
    return this.#byPort[port]?.get(addressKey(address));
  }

  /** Known from now on; `release` it when nothing is on it any more. */
  open(port: PortId, address: Address, options: SendOptions | undefined): Tuple {
    const known = this.find(port, address);
    if (known !== undefined) return known;
    const tuple = new Tuple(port, address, this.#ports.isStream(port), options);
    (this.#byPort[port] ??= new Map()).set(addressKey(address), tuple);
    return tuple;
  }

  /** Forgets the 5-tuple if nothing is on it. */
  release(tuple: Tuple): void {
    if (tuple.trust === 0 && (tuple.channels?.size ?? 0) === 0) this.forget(tuple);
  }

  /** Its stream has ended: whoever has this 5-tuple next is somebody else. */
  forget(tuple: Tuple): void {
    if (this.find(tuple.port, tuple.address) === tuple) this.#byPort[tuple.port]?.delete(addressKey(tuple.address));
  }
}
