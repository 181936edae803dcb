/** Machines joined by a network without NATs, in which every datagram takes equally long. Time passes as it is told to. */
import assert from "node:assert/strict";
import {
  type Address,
  addressText,
  type DriverCommand,
  type Effect,
  type Machine,
  noInfo,
  Recorder,
  sameIp,
  withPort,
} from "@fractal-punch/machine";
import { at } from "./test-context.ts";

export const epochMs = 1_800_000_000_000;

export interface Datagram {
  readonly sentAtMs: number;
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

export class SmallNet {
  now = 1000;
  readonly #delayMs: number;
  /** Everything that was sent, what was lost too. */
  log: Datagram[] = [];
  /** Says of each datagram whether it is lost. */
  loses: (datagram: Datagram) => boolean = () => false;
  readonly #nodes: { readonly node: Receiver; readonly ip: Address }[] = [];
  readonly #onTheWay: Datagram[] = [];

  /** `delayMs`: how long each datagram takes. */
  constructor(delayMs = 10) {
    this.#delayMs = delayMs;
  }

  /** `clockOffsetMs`: how much its clock is ahead. */
  add<Command extends object, Event>(
    ip: string,
    machine: Machine<Command, Event>,
    clockOffsetMs = 0,
  ): Node<Command, Event> {
    const node = new Node(this, at(`${ip}:0`), machine);
    this.#nodes.push({ node, ip: at(`${ip}:0`) });
    node.command({ type: "clock", epochMs: epochMs + this.now + clockOffsetMs });
    return node;
  }

  send(datagram: Datagram): void {
    this.log.push(datagram);
    if (!this.loses(datagram)) this.#onTheWay.push(datagram);
  }

  run(forMs: number): void {
    const end = this.now + forMs;
    for (let next = this.#next(); next <= end; next = this.#next()) this.#step(next);
    this.now = end;
  }

  runUntil(done: () => boolean, limitMs = 5000): void {
    const end = this.now + limitMs;
    while (!done()) {
      const next = this.#next();
      assert(next <= end, `it did not come within ${limitMs} ms`);
      this.#step(next);
    }
  }

  #next(): number {
    const arrival = this.#onTheWay[0] === undefined ? Infinity : this.#onTheWay[0].sentAtMs + this.#delayMs;
    return Math.min(arrival, ...this.#nodes.map(({ node }) => node.nextWake()));
  }

  /** Arrivals come in the order in which they were sent, since all take equally long. */
  #step(next: number): void {
    this.now = Math.max(this.now, next);
    const arrived = this.now - this.#delayMs;
    for (let first = this.#onTheWay[0]; first && first.sentAtMs <= arrived; first = this.#onTheWay[0]) {
      this.#onTheWay.shift();
      const { to } = first;
      this.#nodes.find(({ ip }) => sameIp(ip, to))?.node.receive(first);
    }
    for (const { node } of this.#nodes) if (node.nextWake() <= this.now) node.wake();
  }
}

interface Receiver {
  receive(datagram: Datagram): void;
  wake(): void;
  nextWake(): number;
}

export class Node<Command extends object, Event> implements Receiver {
  readonly machine: Machine<Command, Event>;
  events: Event[] = [];
  readonly #net: SmallNet;
  readonly #ip: Address;
  readonly #ports = new Map<number, number>();
  readonly #out = new Recorder<Event>();

  constructor(net: SmallNet, ip: Address, machine: Machine<Command, Event>) {
    this.#net = net;
    this.#ip = ip;
    this.machine = machine;
  }

  /** The address of its first socket. */
  get address(): Address {
    const [port = 0] = this.#ports.values();
    return withPort(this.#ip, port);
  }

  get openPorts(): number {
    return this.#ports.size;
  }

  command(command: Command | DriverCommand): void {
    this.machine.command(this.#net.now, command, this.#out);
    this.#act();
  }

  receive({ from, to, bytes }: Omit<Datagram, "sentAtMs">): void {
    for (const [id, port] of this.#ports) {
      if (port !== to.port) continue;
      // A copy, overwritten afterwards: the bytes are the machine's during the call only.
      const lent = bytes.slice();
      this.#out.datagram = lent;
      this.machine.receive(this.#net.now, id, from, lent, noInfo, this.#out);
      this.#act();
      lent.fill(0xee);
    }
  }

  wake(): void {
    this.machine.wake(this.#net.now, this.#out);
    this.#act();
  }

  nextWake(): number {
    return this.machine.nextWake();
  }

  #act(): void {
    const opened: DriverCommand[] = [];
    for (const effect of this.#out.take()) this.#do(effect, opened);
    for (const command of opened) this.command(command);
  }

  #do(effect: Effect<Event>, opened: DriverCommand[]): void {
    switch (effect.type) {
      case "send": {
        const port = this.#ports.get(effect.port);
        assert(port !== undefined, `sent to ${addressText(effect.to)} on a port that is not open`);
        this.#net.send({ sentAtMs: this.#net.now, from: withPort(this.#ip, port), to: effect.to, bytes: effect.bytes });
        return;
      }
      case "open-port": {
        const port = effect.request.port || 40_000 + effect.port;
        this.#ports.set(effect.port, port);
        opened.push({ type: "port-opened", port: effect.port, local: withPort(this.#ip, port) });
        return;
      }
      case "close-port":
        this.#ports.delete(effect.port);
        return;
      case "close-stream":
      case "hold-stream":
        return;
      case "emit":
        this.events.push(effect.event);
    }
  }
}
