/** The table of pipes: by the streams at their ends, by the ports that dial, and by the ids of their connections. */
import {
  type Address,
  type AddressKey,
  addressKey,
  type PortId,
  type Random,
  randomBytes,
  sameAddress,
} from "@fractal-punch/machine";
import { readU32 } from "@fractal-punch/wire";
import type { Allocation } from "./allocation.ts";
import { Holdings } from "./holdings.ts";
import type { PeerConnection, Pipe, PipeEnd } from "./pipe.ts";

export class Pipes {
  /** Of connections, by username. */
  readonly holdings: Holdings = new Holdings();
  readonly #byStream = new Map<PortId, Map<AddressKey, PipeEnd>>();
  readonly #byDialPort = new Map<PortId, Pipe>();
  readonly #byId = new Map<number, PeerConnection>();
  readonly #byAllocation = new Map<Allocation, Set<PeerConnection>>();

  /** Connections, those that are being set up among them. */
  get size(): number {
    return this.#byId.size;
  }

  /** Whether one of its streams is an end. */
  has(port: PortId): boolean {
    return this.#byStream.has(port);
  }

  at(port: PortId, address: Address): PipeEnd | undefined {
    return this.#byStream.get(port)?.get(addressKey(address));
  }

  dialledFrom(port: PortId): Pipe | undefined {
    return this.#byDialPort.get(port);
  }

  connection(id: number): PeerConnection | undefined {
    return this.#byId.get(id);
  }

  of(allocation: Allocation): readonly PeerConnection[] {
    return [...(this.#byAllocation.get(allocation) ?? [])];
  }

  /** The allocation's connection with that peer, being set up or there. */
  between(allocation: Allocation, peer: Address): PeerConnection | undefined {
    return this.of(allocation).find((connection) => sameAddress(connection.peer, peer));
  }

  /** The next side of the pipe is that allocation's. Its id is random, so that nobody can guess another's. */
  connect(pipe: Pipe, allocation: Allocation, peer: Address, random: Random): PeerConnection {
    const side = pipe.connections.length === 0 ? 0 : 1;
    const connection: PeerConnection = { id: this.#draw(random), allocation, peer, pipe, side };
    pipe.connections.push(connection);
    this.#byId.set(connection.id, connection);
    const connections = this.#byAllocation.get(allocation);
    if (connections === undefined) this.#byAllocation.set(allocation, new Set([connection]));
    else connections.add(connection);
    this.holdings.add(allocation.user.username);
    return connection;
  }

  dial(pipe: Pipe, port: PortId): void {
    pipe.dialPort = port;
    this.#byDialPort.set(port, pipe);
  }

  join(end: PipeEnd): void {
    const ends = this.#byStream.get(end.port);
    if (ends === undefined) this.#byStream.set(end.port, new Map([[addressKey(end.address), end]]));
    else ends.set(addressKey(end.address), end);
  }

  remove(pipe: Pipe): void {
    for (const end of pipe.ends) if (end !== undefined) this.#leave(end);
    if (pipe.dialPort !== undefined) this.#byDialPort.delete(pipe.dialPort);
    for (const connection of pipe.connections) {
      const { id, allocation } = connection;
      this.#byId.delete(id);
      const connections = this.#byAllocation.get(allocation);
      connections?.delete(connection);
      if (connections?.size === 0) this.#byAllocation.delete(allocation);
      this.holdings.remove(allocation.user.username);
    }
  }

  #leave({ port, address }: PipeEnd): void {
    const ends = this.#byStream.get(port);
    ends?.delete(addressKey(address));
    if (ends?.size === 0) this.#byStream.delete(port);
  }

  #draw(random: Random): number {
    for (;;) {
      const id = readU32(randomBytes(random, 4), 0);
      if (!this.#byId.has(id)) return id;
    }
  }
}
