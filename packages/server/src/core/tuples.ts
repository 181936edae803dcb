/**
 * The 5-tuples that the server knows: those with a registration, an allocation or a channel on them. One on which hosts
 * are registered by UDP and nothing else happens is a row (`registered-tuples.ts`), others are objects.
 */
import { type Address, type AddressKey, addressKey, type PortId, type SendOptions } from "@fractal-punch/machine";
import type { Channel } from "./channels.ts";
import type { HalfSipHash } from "./half-sip-hash.ts";
import type { Ports } from "./ports.ts";
import { RegisteredTuples } from "./registered-tuples.ts";
import type { Registration } from "./registration.ts";
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
  /** What the numbers on it stand for, TURN's or sessions'; made with the first channel. */
  channels: Map<number, Channel | TurnChannel> | undefined;
  /** Those that are registered by this stream, which end with it. */
  hosts: Set<Registration> | undefined;
  /** TURN's. A 5-tuple has an allocation, or registrations and channels of sessions, and never both. */
  allocation: Allocation | undefined;
  /** How many registrations, allocations and proven channels are on it. With one, it passes before the prefix buckets. */
  trust: number;

  constructor(port: PortId, address: Address, isStream: boolean, options: SendOptions | undefined, trust: number) {
    this.port = port;
    this.address = address;
    this.isStream = isStream;
    this.options = options;
    this.trust = trust;
  }
}

export class Tuples {
  readonly #ports: Ports;
  readonly #registered: RegisteredTuples;
  /** One map for each of the server's ports, of which there are few; made with the first 5-tuple that is an object. */
  readonly #byPort: Map<AddressKey, Tuple>[] = [];
  /** How many are an object and a row. */
  #both = 0;
  /** The one made last, for the reason that `Registrations` has. */
  latestCopy: Tuple | undefined;

  constructor(ports: Ports, hash: HalfSipHash) {
    this.#ports = ports;
    this.#registered = new RegisteredTuples(hash);
  }

  get size(): number {
    return this.#byPort.reduce((size, tuples) => size + tuples.size, this.#registered.size - this.#both);
  }

  /** Of one that is a row, a copy, to be read only: `open` it for what is to stay on it. */
  find(port: PortId, address: Address): Tuple | undefined {
    const known = this.#opened(port, address);
    if (known !== undefined) return known;
    const row = this.#registered.find(port, address);
    return row === 0 ? undefined : this.#copy(row, address);
  }

  /** Known from now on; `release` it when nothing is on it any more. */
  open(port: PortId, address: Address, options: SendOptions | undefined): Tuple {
    const known = this.#opened(port, address);
    if (known !== undefined) return known;
    const row = this.#registered.find(port, address);
    const tuple = row === 0 ? new Tuple(port, address, this.isStream(port), options, 0) : this.#copy(row, address);
    if (row !== 0) this.#both++;
    (this.#byPort[port] ??= new Map()).set(addressKey(address), tuple);
    return tuple;
  }

  /** Forgets the 5-tuple if nothing is on it but registrations that a row knows of. */
  release(tuple: Tuple): void {
    if ((tuple.channels?.size ?? 0) > 0) return;
    const row = tuple.trust === 0 ? 0 : this.#registered.find(tuple.port, tuple.address);
    if (tuple.trust === (row === 0 ? 0 : this.#registered.hosts(row))) this.forget(tuple);
  }

  /** Its stream has ended: whoever has this 5-tuple next is somebody else. */
  forget(tuple: Tuple): void {
    const { port, address } = tuple;
    if (this.#opened(port, address) !== tuple) return;
    this.#byPort[port]?.delete(addressKey(address));
    if (this.#registered.find(port, address) !== 0) this.#both--;
  }

  /** One host more is registered there by UDP; gives the row of the 5-tuple. */
  register(port: PortId, address: Address, options: SendOptions | undefined): number {
    const row = this.#registered.add(port, address, options);
    const tuple = this.#opened(port, address);
    if (tuple === undefined) return row;
    tuple.trust++;
    if (this.#registered.hosts(row) === 1) this.#both++;
    return row;
  }

  /** One host less. */
  unregister(row: number): void {
    const tuple = this.#opened(this.#registered.port(row), this.#registered.address(row));
    const wasLast = this.#registered.remove(row);
    if (tuple === undefined) return;
    tuple.trust--;
    if (wasLast) this.#both--;
    this.release(tuple);
  }

  /** Where hosts are registered by UDP. */
  registered(row: number): Pick<Tuple, "port" | "address" | "options"> {
    const registered = this.#registered;
    return { port: registered.port(row), address: registered.address(row), options: registered.options(row) };
  }

  /** Whether that is the row of this 5-tuple. */
  isRegistered(row: number, port: PortId, address: Address): boolean {
    return this.#registered.isOf(row, port, address);
  }

  isStream(port: PortId): boolean {
    return this.#ports.isStream(port);
  }

  #opened(port: PortId, address: Address): Tuple | undefined {
    const opened = this.#byPort[port];
    return opened === undefined || opened.size === 0 ? undefined : opened.get(addressKey(address));
  }

  #copy(row: number, address: Address): Tuple {
    const registered = this.#registered;
    const port = registered.port(row);
    const copy = new Tuple(port, address, this.isStream(port), registered.options(row), registered.hosts(row));
    this.latestCopy = copy;
    return copy;
  }
}
