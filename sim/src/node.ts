/**
 * A machine's home in the world. It is the second host of `Machine`, beside the driver on real sockets, and shows the
 * machine what that shows it and nothing more.
 */
import {
  type Abilities,
  type Address,
  type DatagramInfo,
  type DriverCommand,
  type Machine,
  noInfo,
  type Outbox,
  type PortId,
  type PortRequest,
  type SendOptions,
  sameIp,
} from "@fractal-punch/machine";
import { Datagram, type Happening } from "./datagram.ts";
import type { DropReason } from "./datagram-log.ts";
import type { Host, Interface } from "./interface.ts";
import type { Line } from "./network.ts";
import type { Prng } from "./prng.ts";
import { type Socket, SocketTable } from "./socket-table.ts";
import type { Place, Topology } from "./topology.ts";
import type { Traffic } from "./traffic.ts";

/** What happened at a node, and when in the world's time. */
export interface RecordedEvent<Event> {
  readonly atMs: number;
  readonly event: Event;
}

/** How a node is made; `World` fills it in. */
export interface NodeParts {
  readonly name: string;
  readonly traffic: Traffic;
  readonly topology: Topology;
  readonly prng: Prng;
  readonly place: Place;
  readonly abilities: Abilities;
  /** What this node's wall clock shows at the world's time 0, in ms since 1970. */
  readonly epochMs: number;
  readonly keepsEvents: boolean;
}

const defaultTtl = 64;
/** A machine that wants to be woken this often without time passing is stuck. */
const maxWakesAtOnce = 10_000;
const spentByte = 0xdd;
const wildcard6 = "\0".repeat(16);

export class Node<Command, Event> implements Host, Happening {
  readonly name: string;
  readonly abilities: Abilities;
  /** All events of all machines that ran here, oldest first. */
  readonly events: RecordedEvent<Event>[] = [];
  readonly #traffic: Traffic;
  readonly #topology: Topology;
  readonly #sockets: SocketTable;
  readonly #keepsEvents: boolean;
  readonly #handlers: ((event: Event) => void)[] = [];
  readonly #out: Outbox<Event>;
  #epochMs: number;
  #interfaces: Interface[];
  #machine: Machine<Command, Event> | undefined;
  /** The datagram in hand while the machine receives. */
  #inHand: Uint8Array = new Uint8Array(0);
  readonly #answers: DriverCommand[] = [];
  readonly #emitted: Event[] = [];
  #wakeQueuedAt = Infinity;
  #lastWokenAt = -1;
  #wakesAtOnce = 0;

  constructor(parts: NodeParts) {
    this.name = parts.name;
    this.abilities = parts.abilities;
    this.#traffic = parts.traffic;
    this.#topology = parts.topology;
    this.#sockets = new SocketTable(parts.prng);
    this.#keepsEvents = parts.keepsEvents;
    this.#epochMs = parts.epochMs;
    this.#interfaces = parts.topology.join(this, parts.place);
    this.#out = {
      send: (port, to, bytes, options) => this.#send(port, to, bytes.slice(), options),
      forward: (port, to, head, start, options) => this.#send(port, to, joined(head, this.#inHand, start), options),
      openPort: (port, request) => this.#open(port, request),
      closePort: (port) => this.#sockets.close(port),
      emit: (event) => void this.#emitted.push(withOwnBytes(event)),
    };
  }

  get machine(): Machine<Command, Event> | undefined {
    return this.#machine;
  }

  get interfaces(): readonly Interface[] {
    return this.#interfaces;
  }

  /** The addresses of the interfaces that are up, with port 0: what the operating system would list. */
  get addresses(): Address[] {
    return this.#interfaces.filter(({ isUp }) => isUp).map(({ address }) => address);
  }

  /** The line of the first interface: its own, or that to its router when it is behind one. */
  get line(): Line {
    const [first] = this.#interfaces;
    if (first === undefined) throw new Error(`${this.name} has no interface, so it has no line`);
    return first.line;
  }

  nextWake(): number {
    return this.#machine?.nextWake() ?? Infinity;
  }

  /** Calls `handler` with each event from now on, when the machine's call has ended. */
  onEvent(handler: (event: Event) => void): void {
    this.#handlers.push(handler);
  }

  /** Gives the machine a command. */
  command(command: Command | DriverCommand): void {
    if (this.#machine === undefined)
      throw new Error(`${this.name} was given a command, but is not running; start() it`);
    this.#traffic.callsUnderWay++;
    this.#machine.command(this.#traffic.now, command, this.#out);
    this.#traffic.callsUnderWay--;
    this.#settle();
  }

  /** Starts a machine here; the first thing that it hears is the time. */
  start(machine: Machine<Command, Event>): void {
    if (this.#machine !== undefined) throw new Error(`${this.name} is running; stop() it first`);
    this.#machine = machine;
    this.#tellTime();
  }

  /** Ends the machine as a crash does: without a word, its sockets closed. */
  stop(): void {
    this.#machine = undefined;
    this.#sockets.clear();
    this.#answers.length = 0;
  }

  restart(machine: Machine<Command, Event>): void {
    this.stop();
    this.start(machine);
  }

  /** Sets the wall clock, `offsetMs` from where it is, and tells the machine. */
  shiftClock(offsetMs: number): void {
    this.#epochMs += offsetMs;
    if (this.#machine !== undefined) this.#tellTime();
  }

  /** Goes to another place (roaming): other interfaces and addresses, the same sockets. */
  move(place: Place): void {
    for (const one of this.#interfaces) one.remove();
    this.#interfaces = this.#topology.join(this, place);
  }

  /** Adds interfaces behind the ones that are there. Sockets send through the first that is up and fits. */
  join(place: Place): readonly Interface[] {
    const added = this.#topology.join(this, place);
    this.#interfaces.push(...added);
    return added;
  }

  /** A datagram has come (called by interfaces). */
  receive(datagram: Datagram): void {
    const machine = this.#machine;
    const socket = this.#sockets.for(datagram.target);
    if (machine === undefined || socket === undefined) return this.#traffic.drop(datagram, "no-socket");
    const traffic = this.#traffic;
    traffic.delivered(datagram, this);
    const { bytes, source } = datagram;
    this.#inHand = bytes;
    traffic.callsUnderWay++;
    machine.receive(traffic.now, socket.id, source, bytes, this.#info(datagram), this.#out);
    traffic.callsUnderWay--;
    bytes.fill(spentByte); // a machine that keeps a view of it reads nonsense, as it would in production
    this.#settle();
  }

  /** The time of a wake-up has come (called by the world). */
  happen(): void {
    const { now } = this.#traffic;
    if (now < this.#wakeQueuedAt) return;
    this.#wakeQueuedAt = Infinity;
    if (this.#machine !== undefined && this.nextWake() <= now) this.#wake(this.#machine, now);
    this.#settle();
  }

  #wake(machine: Machine<Command, Event>, now: number): void {
    this.#wakesAtOnce = now === this.#lastWokenAt ? this.#wakesAtOnce + 1 : 0;
    this.#lastWokenAt = now;
    if (this.#wakesAtOnce > maxWakesAtOnce)
      throw new Error(`${this.name} is stuck: it wants to be woken at ${now} ms for ever`);
    this.#traffic.callsUnderWay++;
    machine.wake(now, this.#out);
    this.#traffic.callsUnderWay--;
  }

  #tellTime(): void {
    this.command({ type: "clock", epochMs: Math.floor(this.#epochMs + this.#traffic.now) });
  }

  /** What a driver does when a machine has returned: answers about ports, events, the next wake-up. */
  #settle(): void {
    for (let answer = this.#answers.shift(); answer !== undefined; answer = this.#answers.shift()) this.command(answer);
    for (let event = this.#emitted.shift(); event !== undefined; event = this.#emitted.shift()) this.#publish(event);
    const at = this.nextWake();
    if (at >= this.#wakeQueuedAt) return;
    this.#wakeQueuedAt = Math.max(at, this.#traffic.now);
    this.#traffic.queue.push(this.#wakeQueuedAt, this);
  }

  #publish(event: Event): void {
    if (this.#keepsEvents) this.events.push({ atMs: this.#traffic.now, event });
    for (const watcher of this.#traffic.watchers) watcher.event?.(this, event);
    for (const handler of this.#handlers) handler(event);
  }

  #open(port: PortId, request: PortRequest): void {
    const socket = this.#tryOpen(port, request);
    if (typeof socket === "string") {
      this.#answers.push({ type: "port-failed", port, code: socket });
      return;
    }
    const local = socket.local ?? anyAddress(socket.family);
    this.#answers.push({ type: "port-opened", port, local: { ...local, port: socket.port } });
  }

  #tryOpen(port: PortId, request: PortRequest): Socket | "EADDRINUSE" | "EADDRNOTAVAIL" | "EAFNOSUPPORT" {
    const { family, local } = request;
    const own = this.#interfaces.filter(({ address }) => address.family === family);
    if (own.length === 0) return "EAFNOSUPPORT";
    if (local !== undefined && !own.some(({ address }) => sameIp(address, local))) return "EADDRNOTAVAIL";
    return this.#sockets.open(port, request);
  }

  #send(port: PortId, to: Address, bytes: Uint8Array, options: SendOptions | undefined): void {
    const traffic = this.#traffic;
    const socket = this.#sockets.get(port);
    const from = socket === undefined ? undefined : this.#route(socket, to, options?.local);
    const source = { ...(from?.address ?? anyAddress(to.family)), port: socket?.port ?? 0 };
    const ttl = options?.ttl !== undefined && this.abilities.ttl ? options.ttl : defaultTtl;
    const ecn = options?.ecn !== undefined && this.abilities.ecn ? options.ecn : 0;
    const datagram = new Datagram(this, source, to, bytes, ttl, this.#topology.middle, ecn);
    traffic.sent(datagram);
    const fault = sendFault(socket, from, to);
    if (fault === undefined) from?.send(datagram);
    else traffic.drop(datagram, fault);
  }

  /** The interface that a datagram leaves by: that of the asked or bound address, else one whose network has `to`. */
  #route(socket: Socket, to: Address, asked: Address | undefined): Interface | undefined {
    const local = asked ?? socket.local;
    if (local !== undefined) return this.#interfaces.find(({ address }) => sameIp(address, local));
    let first: Interface | undefined;
    for (const one of this.#interfaces) {
      if (!one.isUp || one.address.family !== to.family) continue;
      if (one.network.holds(to)) return one;
      first ??= one;
    }
    return first;
  }

  #info(datagram: Datagram): DatagramInfo {
    const { localAddress, ecn } = this.abilities;
    if (localAddress && ecn) return { local: datagram.target, ecn: datagram.ecn };
    if (localAddress) return { local: datagram.target };
    return ecn ? { ecn: datagram.ecn } : noInfo;
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

function joined(head: Uint8Array, datagram: Uint8Array, start: number): Uint8Array {
  const bytes = new Uint8Array(head.length + datagram.length - start);
  bytes.set(head);
  bytes.set(datagram.subarray(start), head.length);
  return bytes;
}

/** A machine may lend the bytes in an event for the call only: the event gets a copy of them. */
function withOwnBytes<Event>(event: Event): Event {
  if (typeof event !== "object" || event === null) return event;
  const fields = Object.entries(event).filter(([, value]) => value instanceof Uint8Array);
  if (fields.length === 0) return event;
  const copy = { ...event };
  for (const [name, value] of fields) if (value instanceof Uint8Array) Reflect.set(copy, name, value.slice());
  return copy;
}
