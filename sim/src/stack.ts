/** A node's network stack: its interfaces, its sockets, and which interface a datagram leaves by. */
import {
  type Abilities,
  type Address,
  type DriverCommand,
  type PortId,
  type PortRequest,
  type SendOptions,
  sameIp,
} from "@fractal-punch/machine";
import { Datagram } from "./datagram.ts";
import type { DropReason } from "./datagram-log.ts";
import type { Host, Interface } from "./interface.ts";
import type { Prng } from "./prng.ts";
import { type OpenFault, type Socket, SocketTable } from "./socket-table.ts";
import type { Connection, StreamUser } from "./tcp/connection.ts";
import type { Segment } from "./tcp/segment.ts";
import { type StreamHost, TcpStack } from "./tcp/tcp-stack.ts";
import type { Place, Topology } from "./topology.ts";
import type { Traffic } from "./traffic.ts";

/** Whom a stack serves. */
export interface StackHost extends Host, StreamHost {}

/** How a stack is made. */
export interface StackParts {
  readonly traffic: Traffic;
  readonly topology: Topology;
  readonly prng: Prng;
  readonly place: Place;
  /** Options of datagrams that the driver cannot do are left out. */
  readonly abilities: Abilities;
}

const defaultTtl = 64;
const wildcard6 = "\0".repeat(16);

export class Stack {
  readonly #host: StackHost;
  readonly #traffic: Traffic;
  readonly #topology: Topology;
  readonly #abilities: Abilities;
  readonly #sockets: SocketTable;
  readonly #prng: Prng;
  #tcp: TcpStack | undefined;
  #interfaces: Interface[];

  constructor(host: StackHost, parts: StackParts) {
    this.#host = host;
    this.#traffic = parts.traffic;
    this.#topology = parts.topology;
    this.#abilities = parts.abilities;
    this.#sockets = new SocketTable(parts.prng);
    this.#prng = parts.prng;
    this.#interfaces = parts.topology.join(host, parts.place);
  }

  get interfaces(): readonly Interface[] {
    return this.#interfaces;
  }

  get openPorts(): number {
    return this.#sockets.size + (this.#tcp?.openPorts ?? 0);
  }

  /** Connections that are not over. */
  get openStreams(): number {
    return this.#tcp?.openStreams ?? 0;
  }

  /** Other interfaces at another place; sockets stay. */
  move(place: Place): void {
    for (const one of this.#interfaces) one.remove();
    this.#interfaces = this.#topology.join(this.#host, place);
  }

  /** More interfaces, behind the ones that are there. */
  join(place: Place): readonly Interface[] {
    const added = this.#topology.join(this.#host, place);
    this.#interfaces.push(...added);
    return added;
  }

  /** The number of the socket that a datagram to `target` is for. */
  portFor(target: Address): PortId | undefined {
    return this.#sockets.for(target)?.id;
  }

  /** Opens a socket, and says what a driver would say of it at once; of one that dials nothing, unless it cannot. */
  open(port: PortId, request: PortRequest): DriverCommand | undefined {
    const socket = this.#tryOpen(port, request);
    if (socket === undefined) return undefined;
    if (typeof socket === "string") return { type: "port-failed", port, code: socket };
    const local = socket.local ?? anyAddress(socket.family);
    return { type: "port-opened", port, local: { ...local, port: socket.port } };
  }

  close(port: PortId): void {
    this.#sockets.close(port);
    this.#tcp?.close(port);
  }

  closeStream(port: PortId, to: Address): void {
    this.#tcp?.closeStream(port, to);
  }

  holdStream(port: PortId, to: Address, isHeld: boolean): void {
    this.#tcp?.holdStream(port, to, isHeld);
  }

  closeAll(): void {
    this.#sockets.clear();
    this.#tcp?.closeAll();
  }

  /** Opens a connection to `to`. */
  dial(localPort: number, to: Address, user: StreamUser): Connection {
    return this.#tcpStack().dial(localPort, to, user);
  }

  receiveSegment(segment: Segment): void {
    this.#tcpStack().receive(segment);
  }

  /** Sends `bytes`, which come from the buffers of the traffic and are the datagram's from now on. */
  send(port: PortId, to: Address, bytes: Uint8Array, options: SendOptions | undefined): void {
    const traffic = this.#traffic;
    if (this.#tcp?.has(port) === true) {
      this.#tcp.write(port, to, bytes);
      return traffic.buffers.release(bytes);
    }
    const socket = this.#sockets.get(port);
    const from = socket === undefined ? undefined : this.#route(to, options?.local ?? socket.local);
    const source = { ...(from?.address ?? anyAddress(to.family)), port: socket?.port ?? 0 };
    const ttl = options?.ttl !== undefined && this.#abilities.ttl ? options.ttl : defaultTtl;
    const ecn = options?.ecn !== undefined && this.#abilities.ecn ? options.ecn : 0;
    const datagram = new Datagram(this.#host, source, to, bytes, ttl, this.#topology.middle, ecn);
    datagram.dontFragment = options?.dontFragment === true && this.#abilities.dontFragment;
    traffic.sent(datagram);
    const fault = sendFault(socket, from, to);
    if (fault === undefined) from?.send(datagram);
    else traffic.drop(datagram, fault);
  }

  #tryOpen(
    port: PortId,
    request: PortRequest,
  ): Socket | OpenFault | "EADDRNOTAVAIL" | "EAFNOSUPPORT" | "ENETUNREACH" | undefined {
    const { family, local } = request;
    const own = this.#interfaces.filter(({ address }) => address.family === family);
    if (own.length === 0) return "EAFNOSUPPORT";
    if (local !== undefined && !own.some(({ address }) => sameIp(address, local))) return "EADDRNOTAVAIL";
    if (request.transport === undefined || request.transport === "udp") return this.#sockets.open(port, request);
    if (request.remote === undefined) return this.#tcpStack().listen(port, request);
    if (this.#route(request.remote, undefined) === undefined) return "ENETUNREACH";
    this.#tcpStack().connect(port, request.remote, request.patienceMs);
    return undefined;
  }

  /** Made when it is wanted: most nodes do without. */
  #tcpStack(): TcpStack {
    this.#tcp ??= new TcpStack({
      host: this.#host,
      traffic: this.#traffic,
      middle: this.#topology.middle,
      prng: this.#prng.named(`tcp ${this.#host.name}`),
      route: (to, local) => this.#route(to, local),
    });
    return this.#tcp;
  }

  /** The interface that a datagram leaves by: that of the asked or bound address, else one whose network has `to`. */
  #route(to: Address, local: Address | undefined): Interface | undefined {
    if (local !== undefined) return this.#interfaces.find(({ address }) => sameIp(address, local));
    let first: Interface | undefined;
    for (const one of this.#interfaces) {
      if (!one.isUp || one.address.family !== to.family) continue;
      if (one.network.holds(to)) return one;
      first ??= one;
    }
    return first;
  }
}

function sendFault(socket: Socket | undefined, from: Interface | undefined, to: Address): DropReason | undefined {
  if (socket === undefined) return "port-closed";
  if (socket.family !== to.family || to.port === 0) return "bad-address";
  return from === undefined ? "no-interface" : undefined;
}

function anyAddress(family: 4 | 6): Address {
  return family === 4 ? { family, ip: 0, port: 0 } : { family, ip: wildcard6, port: 0 };
}
