/** TCP of one node: the ports that listen, the connections, and which of them a segment is for. */
import { type Address, addressKey, type PortId, type PortRequest, sameIp, withPort } from "@fractal-punch/machine";
import type { Station } from "../datagram.ts";
import type { Interface } from "../interface.ts";
import type { Network } from "../network.ts";
import type { Prng } from "../prng.ts";
import { ephemeralPortCount, firstEphemeralPort, type OpenFault, type Socket, SocketTable } from "../socket-table.ts";
import type { Traffic } from "../traffic.ts";
import { Connection, type StreamEnd, type StreamUser } from "./connection.ts";
import { Flag, Segment, type SegmentHeader } from "./segment.ts";

/** The node, as its streams see it. */
export interface StreamHost extends Station {
  readonly isAsleep: boolean;
  /** Somebody connected to a port that listens. */
  streamOpened(port: PortId, from: Address, local: Address): void;
  /** `bytes` are valid during the call only. */
  streamReceived(port: PortId, from: Address, local: Address, bytes: Uint8Array): void;
  streamFull(port: PortId, from: Address, isFull: boolean): void;
  streamEnded(port: PortId, from: Address): void;
  /** A port that dials came to nothing. */
  dialFailed(port: PortId, code: string): void;
}

export interface TcpStackParts {
  readonly host: StreamHost;
  readonly traffic: Traffic;
  readonly middle: Network;
  readonly prng: Prng;
  /** The interface that leads to `to`, from an address if one is given. */
  route(to: Address, local: Address | undefined): Interface | undefined;
}

const ttl = 64;
const defaultPatienceMs = 10_000;
/** What a system says of a connection that was not opened. */
const dialCodes: Record<StreamEnd, string> = {
  closed: "ECONNRESET",
  reset: "ECONNRESET",
  refused: "ECONNREFUSED",
  "timed-out": "ETIMEDOUT",
};
const nothing = new Uint8Array(0);

export class TcpStack {
  readonly #parts: TcpStackParts;
  readonly #listening: SocketTable;
  /** By both endpoints. */
  readonly #connections: Map<string, Connection> = new Map();
  /** Those that the machine knows, and those that are being set up, by its port and the far address. */
  readonly #streams: Map<PortId, Map<number | string, Connection>> = new Map();

  constructor(parts: TcpStackParts) {
    this.#parts = parts;
    this.#listening = new SocketTable(parts.prng);
  }

  get openPorts(): number {
    return this.#listening.size;
  }

  /** Connections that are not over, in either direction. */
  get openStreams(): number {
    return this.#connections.size;
  }

  listen(id: PortId, request: PortRequest): Socket | OpenFault {
    const socket = this.#listening.open(id, request);
    if (typeof socket !== "string") this.#streams.set(id, new Map());
    return socket;
  }

  /** Connects a port of the machine's to `to`; the machine hears what comes of it, and when nothing does. */
  connect(id: PortId, to: Address, patienceMs: number = defaultPatienceMs): void {
    const { traffic, host } = this.#parts;
    const streams = new Map<number | string, Connection>();
    this.#streams.set(id, streams);
    const connection = this.dial(0, to, this.#dialledStream(id, to));
    streams.set(addressKey(to), connection);
    const giveUp = (): void => {
      if (connection.isOpen || this.#streams.get(id) !== streams || streams.size === 0) return;
      this.close(id);
      host.dialFailed(id, "ETIMEDOUT");
    };
    traffic.queue.push(traffic.now + patienceMs, { happen: giveUp });
  }

  /** Whether a port is one of these. */
  has(id: PortId): boolean {
    return this.#streams.has(id);
  }

  /** Writes to a stream of the machine's; it is dropped when there is none. */
  write(id: PortId, to: Address, bytes: Uint8Array): void {
    this.#streams.get(id)?.get(addressKey(to))?.write(bytes);
  }

  closeStream(id: PortId, to: Address): void {
    this.#streams.get(id)?.get(addressKey(to))?.close();
    this.#streams.get(id)?.delete(addressKey(to));
  }

  holdStream(id: PortId, to: Address, isHeld: boolean): void {
    this.#streams.get(id)?.get(addressKey(to))?.hold(isHeld);
  }

  /** Nobody listens any more, and the port's streams are broken off; one that was dialled ends when all has left. */
  close(id: PortId): void {
    const streams = this.#streams.get(id);
    const listened = this.#listening.get(id) !== undefined;
    this.#listening.close(id);
    this.#streams.delete(id);
    for (const connection of streams?.values() ?? []) {
      if (listened) connection.reset();
      else connection.close();
    }
  }

  /** The system of a program that is gone breaks off its streams. */
  closeAll(): void {
    for (const id of this.#streams.keys()) this.close(id);
    for (const connection of this.#connections.values()) connection.reset();
  }

  /** Connects to `to`, from a port, or from a free one when that is 0. Throws when it cannot be sent from here. */
  dial(localPort: number, to: Address, user: StreamUser): Connection {
    const { host } = this.#parts;
    const from = this.#parts.route(to, undefined);
    if (from === undefined) throw new Error(`${host.name} has no interface for IPv${to.family} to dial from`);
    const local = localPort === 0 ? this.#freeLocal(from.address, to) : withPort(from.address, localPort);
    if (this.#connections.has(connectionKey(local, to)))
      throw new Error(`${host.name} has a connection from port ${localPort} to there already; give another port`);
    return this.#add(local, to, user);
  }

  receive(segment: Segment): void {
    const { traffic, host } = this.#parts;
    const connection = this.#connections.get(connectionKey(segment.target, segment.source));
    const socket = connection === undefined ? this.#listening.for(segment.target) : undefined;
    if (connection === undefined && socket === undefined) {
      this.#refuse(segment);
      return traffic.drop(segment, "no-socket");
    }
    traffic.delivered(segment, host);
    if (connection?.accepts(segment) === false) this.#refuse(segment);
    else if (connection !== undefined) connection.receive(segment);
    else if (socket !== undefined) this.#greet(socket, segment);
    traffic.buffers.release(segment.bytes);
  }

  /** A segment for nobody's connection, at a port that listens. */
  #greet(socket: Socket, segment: Segment): void {
    const { source, target } = segment;
    const streams = this.#streams.get(socket.id);
    const isSyn = segment.has(Flag.syn) && !segment.has(Flag.ack) && !segment.has(Flag.rst);
    // A machine tells streams apart by their far address only.
    if (!isSyn || streams === undefined || streams.has(addressKey(source))) return this.#refuse(segment);
    const user = this.#machineStream(socket.id, source, target);
    streams.set(addressKey(source), this.#add(target, source, user, segment));
  }

  /** What a machine is told of a stream: nothing before it is open. */
  #machineStream(id: PortId, from: Address, local: Address): StreamUser {
    const { host } = this.#parts;
    let isOpen = false;
    return {
      opened: () => {
        isOpen = true;
        host.streamOpened(id, from, local);
      },
      received: (bytes) => host.streamReceived(id, from, local, bytes),
      full: (isFull) => host.streamFull(id, from, isFull),
      ended: () => {
        this.closeStream(id, from);
        if (isOpen) host.streamEnded(id, from);
      },
    };
  }

  #dialledStream(id: PortId, to: Address): StreamUser {
    const { host } = this.#parts;
    const localOf = (): Address => this.#streams.get(id)?.get(addressKey(to))?.local ?? to;
    let isOpen = false;
    return {
      opened: () => {
        isOpen = true;
        host.streamOpened(id, to, localOf());
      },
      received: (bytes) => host.streamReceived(id, to, localOf(), bytes),
      full: (isFull) => host.streamFull(id, to, isFull),
      ended: (why) => {
        this.closeStream(id, to);
        if (isOpen) host.streamEnded(id, to);
        else host.dialFailed(id, dialCodes[why]);
      },
    };
  }

  #add(local: Address, remote: Address, user: StreamUser, first?: Segment): Connection {
    const { traffic, prng } = this.#parts;
    const key = connectionKey(local, remote);
    const connection = new Connection(
      {
        local,
        remote,
        traffic,
        prng,
        transmit: (header, bytes) => this.#transmit(local, remote, header, bytes),
        forget: () => this.#connections.delete(key),
      },
      user,
      first,
    );
    this.#connections.set(key, connection);
    return connection;
  }

  /** A port that has no connection to `to`. */
  #freeLocal(address: Address, to: Address): Address {
    for (;;) {
      const local = withPort(address, firstEphemeralPort + this.#parts.prng.below(ephemeralPortCount));
      if (!this.#connections.has(connectionKey(local, to))) return local;
    }
  }

  /** RST, as RFC 9293 section 3.10.7.1 words it. */
  #refuse(segment: Segment): void {
    if (segment.has(Flag.rst)) return;
    const { sequence, acknowledged } = segment.header;
    const header = segment.has(Flag.ack)
      ? { flags: Flag.rst, sequence: acknowledged, acknowledged: 0 }
      : { flags: Flag.rst | Flag.ack, sequence: 0, acknowledged: sequence + segment.lengthInSequence };
    this.#transmit(segment.target, segment.source, header, nothing);
  }

  #transmit(local: Address, remote: Address, header: SegmentHeader, bytes: Uint8Array): void {
    const { traffic, host, middle } = this.#parts;
    const copy = traffic.buffers.copyOf(bytes);
    const segment = new Segment(host, local, remote, copy, ttl, middle, header);
    traffic.sent(segment);
    if (host.isAsleep) return traffic.drop(segment, "interface-down");
    const from = this.#parts.route(remote, local);
    if (from === undefined || !sameIp(from.address, local)) return traffic.drop(segment, "no-interface");
    // What comes back over lines without delay waits until this connection has done its work.
    traffic.callsUnderWay++;
    from.send(segment);
    traffic.callsUnderWay--;
  }
}

function connectionKey(local: Address, remote: Address): string {
  return `${addressKey(local)} ${addressKey(remote)}`;
}
