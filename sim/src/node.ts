/**
 * A machine's home in the world. It is the second host of `Machine`, beside the driver on real sockets, and shows the
 * machine what that shows it and nothing more.
 */
import {
  type Abilities,
  type Address,
  type DatagramInfo,
  type DriverCommand,
  forwardOne,
  type Machine,
  noInfo,
  type Outbox,
  type PortId,
  withOwnBytes,
} from "@fractal-punch/machine";
import type { Datagram, Happening } from "./datagram.ts";
import type { Interface } from "./interface.ts";
import type { Line } from "./network.ts";
import { Stack, type StackHost, type StackParts } from "./stack.ts";
import { DialledStream } from "./tcp/dialled-stream.ts";
import { Segment } from "./tcp/segment.ts";
import type { Place } from "./topology.ts";
import type { Traffic } from "./traffic.ts";

/** What happened at a node, and when in the world's time. */
export interface RecordedEvent<Event> {
  readonly atMs: number;
  readonly event: Event;
}

/** How a node is made; `World` fills it in. */
export interface NodeParts extends StackParts {
  readonly name: string;
  /** What this node's wall clock shows at the world's time 0, in ms since 1970. */
  readonly epochMs: number;
  readonly keepsEvents: boolean;
  /** Its driver offers datagrams to the machine's forwarding plane first, as the one that moves them in batches does. */
  readonly forwards: boolean;
}

const nothing = new Uint8Array(0);
/** A machine that wants to be woken this often without time passing is stuck. */
const maxWakesAtOnce = 10_000;

export class Node<Command, Event> implements StackHost, Happening {
  readonly name: string;
  readonly abilities: Abilities;
  /** All events of all machines that ran here, oldest first. */
  readonly events: RecordedEvent<Event>[] = [];
  readonly #traffic: Traffic;
  readonly #stack: Stack;
  readonly #keepsEvents: boolean;
  readonly #forwards: boolean;
  readonly #handlers: ((event: Event) => void)[] = [];
  readonly #out: Outbox<Event>;
  #epochMs: number;
  /** When the node fell asleep; `undefined` while it is awake. */
  #asleepSinceMs: number | undefined;
  /** How far its monotonic clock is behind the world's time: it stands still while the node sleeps, as Linux's does. */
  #sleptMs = 0;
  #machine: Machine<Command, Event> | undefined;
  /** The datagram in hand while the machine receives. */
  #inHand: Uint8Array = nothing;
  readonly #answers: DriverCommand[] = [];
  readonly #emitted: Event[] = [];
  #wakeQueuedAt = Infinity;
  #lastWokenAt = -1;
  #wakesAtOnce = 0;

  constructor(parts: NodeParts) {
    this.name = parts.name;
    this.abilities = parts.abilities;
    this.#traffic = parts.traffic;
    this.#keepsEvents = parts.keepsEvents;
    this.#forwards = parts.forwards;
    this.#epochMs = parts.epochMs;
    const stack = new Stack(this, parts);
    this.#stack = stack;
    this.#out = {
      send: (port, to, bytes, options) => stack.send(port, to, this.#traffic.buffers.copyOf(bytes), options),
      forward: (port, to, head, start, options) => stack.send(port, to, this.#joined(head, start), options),
      openPort: (port, request) => {
        const answer = stack.open(port, request);
        if (answer !== undefined) this.#answers.push(answer);
      },
      closePort: (port) => stack.close(port),
      closeStream: (port, to) => stack.closeStream(port, to),
      holdStream: (port, to, isHeld) => stack.holdStream(port, to, isHeld),
      emit: (event) => void this.#emitted.push(withOwnBytes(event)),
    };
  }

  get machine(): Machine<Command, Event> | undefined {
    return this.#machine;
  }

  get interfaces(): readonly Interface[] {
    return this.#stack.interfaces;
  }

  /** How many sockets are open. */
  get openPorts(): number {
    return this.#stack.openPorts;
  }

  /** How many connections of TCP are not over. */
  get openStreams(): number {
    return this.#stack.openStreams;
  }

  /** The addresses of the interfaces that are up, with port 0: what the operating system would list. */
  get addresses(): Address[] {
    return this.interfaces.filter(({ isUp }) => isUp).map(({ address }) => address);
  }

  /** The line of the first interface: its own, or that to its router when it is behind one. */
  get line(): Line {
    const [first] = this.interfaces;
    if (first === undefined) throw new Error(`${this.name} has no interface, so it has no line`);
    return first.line;
  }

  get isAsleep(): boolean {
    return this.#asleepSinceMs !== undefined;
  }

  nextWake(): number {
    if (this.#asleepSinceMs !== undefined) return Infinity;
    return (this.#machine?.nextWake() ?? Infinity) + this.#sleptMs;
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
    this.#machine.command(this.#now, command, this.#out);
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
    this.#stack.closeAll();
    this.#answers.length = 0;
  }

  restart(machine: Machine<Command, Event>): void {
    this.stop();
    this.start(machine);
  }

  /** The node sleeps, as a laptop does whose lid is closed: nothing comes in, nothing is done, its monotonic clock stops. */
  sleep(): void {
    this.#asleepSinceMs ??= this.#traffic.now;
  }

  /** Its clocks go on; the wall clock has jumped, and the machine is told so. */
  awake(): void {
    if (this.#asleepSinceMs === undefined) return;
    this.#sleptMs += this.#traffic.now - this.#asleepSinceMs;
    this.#asleepSinceMs = undefined;
    if (this.#machine !== undefined) this.#tellTime();
  }

  /** Sets the wall clock, `offsetMs` from where it is, and tells the machine. */
  shiftClock(offsetMs: number): void {
    this.#epochMs += offsetMs;
    if (this.#machine !== undefined) this.#tellTime();
  }

  /** Goes to another place (roaming): other interfaces and addresses, the same sockets. */
  move(place: Place): void {
    this.#stack.move(place);
  }

  /** Adds interfaces behind the ones that are there. Sockets send through the first that is up and fits. */
  join(place: Place): readonly Interface[] {
    return this.#stack.join(place);
  }

  /**
   * Opens a connection of TCP to `to`, from a port of its own (a free one when 0), as a program beside the machine
   * does. A port may dial several addresses, one after the other or at once.
   */
  dial(to: Address, localPort = 0): DialledStream {
    return new DialledStream(this.#traffic, (user) => this.#stack.dial(localPort, to, user));
  }

  /** A datagram has come (called by interfaces). */
  receive(datagram: Datagram): void {
    if (datagram instanceof Segment) return this.#receiveSegment(datagram);
    const machine = this.#machine;
    const port = this.#stack.portFor(datagram.target);
    if (this.#asleepSinceMs !== undefined) return this.#traffic.drop(datagram, "interface-down");
    if (machine === undefined || port === undefined) return this.#traffic.drop(datagram, "no-socket");
    const traffic = this.#traffic;
    traffic.delivered(datagram, this);
    const { bytes, source } = datagram;
    const info = this.#info(datagram);
    if (!this.#isForwarded(machine, port, source, bytes, info)) this.#give(machine, port, source, bytes, info);
    traffic.buffers.release(bytes);
    this.#settle();
  }

  streamOpened(port: PortId, from: Address, local: Address): void {
    this.command({ type: "stream-opened", port, from, local });
  }

  streamReceived(port: PortId, from: Address, local: Address, bytes: Uint8Array): void {
    if (this.#machine === undefined) return;
    this.#give(this.#machine, port, from, bytes, this.abilities.localAddress ? { local } : noInfo);
    this.#settle();
  }

  streamFull(port: PortId, from: Address, isFull: boolean): void {
    this.#answers.push({ type: "stream-full", port, from, isFull });
    if (this.#traffic.callsUnderWay === 0) this.#settle();
  }

  streamEnded(port: PortId, from: Address): void {
    this.command({ type: "stream-ended", port, from });
  }

  dialFailed(port: PortId, code: string): void {
    this.command({ type: "port-failed", port, code });
  }

  /** The time of a wake-up has come (called by the world). */
  happen(): void {
    const { now } = this.#traffic;
    if (now < this.#wakeQueuedAt) return;
    this.#wakeQueuedAt = Infinity;
    if (this.#asleepSinceMs !== undefined) return;
    if (this.#machine !== undefined && this.nextWake() <= now) this.#wake(this.#machine, now);
    this.#settle();
  }

  #receiveSegment(segment: Segment): void {
    if (!this.isAsleep) this.#stack.receiveSegment(segment);
    else this.#traffic.drop(segment, "interface-down");
  }

  #isForwarded(
    machine: Machine<Command, Event>,
    port: PortId,
    from: Address,
    bytes: Uint8Array,
    info: DatagramInfo,
  ): boolean {
    return this.#forwards && forwardOne(machine, this.#now, port, from, bytes, info, this.#out);
  }

  #give(machine: Machine<Command, Event>, port: PortId, from: Address, bytes: Uint8Array, info: DatagramInfo): void {
    this.#inHand = bytes;
    this.#traffic.callsUnderWay++;
    machine.receive(this.#now, port, from, bytes, info, this.#out);
    this.#traffic.callsUnderWay--;
    this.#inHand = nothing;
  }

  get #now(): number {
    return this.#traffic.now - this.#sleptMs;
  }

  #wake(machine: Machine<Command, Event>, now: number): void {
    this.#wakesAtOnce = now === this.#lastWokenAt ? this.#wakesAtOnce + 1 : 0;
    this.#lastWokenAt = now;
    if (this.#wakesAtOnce > maxWakesAtOnce)
      throw new Error(`${this.name} is stuck: it wants to be woken at ${now} ms for ever`);
    this.#traffic.callsUnderWay++;
    // Sums of times are not exact: it is woken at the time it asked for, as seen by its own clock.
    machine.wake(Math.max(now - this.#sleptMs, machine.nextWake()), this.#out);
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

  #joined(head: Uint8Array, start: number): Uint8Array {
    const bytes = this.#traffic.buffers.take(head.length + this.#inHand.length - start);
    bytes.set(head);
    bytes.set(this.#inHand.subarray(start), head.length);
    return bytes;
  }

  #info(datagram: Datagram): DatagramInfo {
    const { localAddress, ecn } = this.abilities;
    if (localAddress && ecn) return { local: datagram.target, ecn: datagram.ecn };
    if (localAddress) return { local: datagram.target };
    return ecn ? { ecn: datagram.ecn } : noInfo;
  }
}
