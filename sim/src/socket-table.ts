/** The sockets of one node: which port numbers they have, and which of them a datagram is for. */
import type { Address, PortId, PortRequest } from "@fractal-punch/machine";
import type { Prng } from "./prng.ts";

export interface Socket {
  readonly id: PortId;
  readonly family: 4 | 6;
  readonly port: number;
  /** Bound to this address only; `undefined` for the wildcard address. */
  readonly local: Address | undefined;
}

/** The system's word for what is wrong with a request. */
export type OpenFault = "EADDRINUSE";

/** Linux's range for ports that the system chooses (net.ipv4.ip_local_port_range). */
export const firstEphemeralPort = 32_768;
export const ephemeralPortCount = 28_232;

export class SocketTable {
  readonly #prng: Prng;
  readonly #byId: Map<PortId, Socket> = new Map();
  readonly #byPort: Map<number, Socket[]> = new Map();

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: PortId): Socket | undefined {
    return this.#byId.get(id);
  }

  /** The socket that a datagram to `target` is for: one bound to its very address before a wildcard one. */
  for(target: Address): Socket | undefined {
    const sockets = this.#byPort.get(portKey(target.family, target.port));
    if (sockets === undefined) return undefined;
    const bound = sockets.find((socket) => socket.local?.ip === target.ip);
    return bound ?? sockets.find((socket) => socket.local === undefined);
  }

  open(id: PortId, request: PortRequest): Socket | OpenFault {
    const { family, local } = request;
    const port = request.port === 0 ? this.#freePort(family) : request.port;
    if (port === undefined || this.#clashes(family, port, local)) return "EADDRINUSE";
    this.close(id);
    const socket: Socket = { id, family, port, local };
    this.#byId.set(id, socket);
    const sockets = this.#byPort.get(portKey(family, port));
    if (sockets === undefined) this.#byPort.set(portKey(family, port), [socket]);
    else sockets.push(socket);
    return socket;
  }

  close(id: PortId): void {
    const socket = this.#byId.get(id);
    if (socket === undefined) return;
    this.#byId.delete(id);
    const key = portKey(socket.family, socket.port);
    const others = this.#byPort.get(key)?.filter((other) => other !== socket) ?? [];
    if (others.length === 0) this.#byPort.delete(key);
    else this.#byPort.set(key, others);
  }

  /** Closes all. */
  clear(): void {
    this.#byId.clear();
    this.#byPort.clear();
  }

  #clashes(family: 4 | 6, port: number, local: Address | undefined): boolean {
    const sockets = this.#byPort.get(portKey(family, port)) ?? [];
    return sockets.some((socket) => local === undefined || socket.local === undefined || socket.local.ip === local.ip);
  }

  #freePort(family: 4 | 6): number | undefined {
    const start = this.#prng.below(ephemeralPortCount);
    for (let i = 0; i < ephemeralPortCount; i++) {
      const port = firstEphemeralPort + ((start + i) % ephemeralPortCount);
      if (!this.#byPort.has(portKey(family, port))) return port;
    }
    return undefined;
  }
}

function portKey(family: 4 | 6, port: number): number {
  return port * 10 + family;
}
