/** A server in memory, with real cryptography, and peers that speak to it in datagrams. */
import assert from "node:assert/strict";
import {
  type Address,
  addressFromText,
  addressText,
  type DatagramInfo,
  type DriverCommand,
  type Effect,
  forwardOne,
  noInfo,
  type PortRequest,
  type Random,
  Recorder,
  randomBytes,
  type SendOptions,
} from "@fractal-punch/machine";
import {
  type ListenPort,
  Server,
  type ServerCommand,
  type ServerEvent,
  type ServerOptions,
} from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { errorCodeOf, StunMessage } from "@fractal-punch/wire";

export const secret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const startMs = 1_800_000_000_000;
export const startSeconds: number = startMs / 1000;
export const yearSeconds = 31_536_000;

/** The main port of each family, then the second port of each. */
const ports: readonly ListenPort[] = [
  { family: 4, port: 48_800, main: true },
  { family: 6, port: 48_800, main: true },
  { family: 4, port: 3478, main: false },
  { family: 6, port: 3478, main: false },
];

/** As node:dgram's driver does without. */
const withForwarder: boolean = process.env["FRACTAL_PUNCH_DRIVER"] !== "dgram";

export interface Sent {
  readonly port: number;
  readonly to: Address;
  readonly bytes: Uint8Array;
  readonly options?: SendOptions;
}

export interface TestDriver {
  /** What became of it; `undefined` when that is not known yet. */
  open(port: number, request: PortRequest): DriverCommand | undefined;
  close(port: number): void;
}

export class TestServer {
  now = 1000;
  readonly random: Random = seededRandom(1);
  readonly server: Server;
  events: ServerEvent[] = [];
  /** The far ends of the streams that the server closed. */
  closed: string[] = [];
  /** The streams that it does not read, by port and far end. */
  readonly held: Set<string> = new Set();
  /** The ports that it wanted to open. */
  opened: PortRequest[] = [];
  /** What the driver does when the server opens a port, or closes one, while it runs. */
  driver: TestDriver | undefined;
  /** The far ends of streams, and their ports. */
  readonly #streams = new Map<string, number>();
  readonly #ports: readonly ListenPort[];
  readonly #out = new Recorder<ServerEvent>();

  constructor(options: Partial<ServerOptions> = {}) {
    const { random } = this;
    this.#ports = options.ports ?? ports;
    this.server = new Server({
      secret,
      primitives: nodePrimitives,
      random,
      access: "tickets",
      ports,
      classic: true,
      ...options,
    });
    this.setClock(startMs);
  }

  /** What the server numbers the first port of TCP, which joins the first of IPv4. */
  get tcpPort(): number {
    return this.#ports.length;
  }

  get epochMs(): number {
    return startMs + this.now - 1000;
  }

  /** Makes the wall clock show `epochMs` now. */
  setClock(epochMs: number): void {
    this.server.command(this.now, { type: "clock", epochMs }, this.#out);
  }

  start(): Effect<ServerEvent>[] {
    this.server.command(this.now, { type: "start" }, this.#out);
    return this.#out.take();
  }

  /** One datagram to the port of its family, or a piece of its stream; gives what the server sent upon it. */
  receive(
    from: Address,
    bytes: Uint8Array,
    port: number = this.#streams.get(addressText(from)) ?? (from.family === 4 ? 0 : 1),
    info: DatagramInfo = noInfo,
  ): Sent[] {
    this.#out.datagram = bytes;
    if (withForwarder && forwardOne(this.server, this.now, port, from, bytes, info, this.#out)) return this.#take();
    this.server.receive(this.now, port, from, bytes, info, this.#out);
    return this.#take();
  }

  /** Has the ports opened, as a driver would. */
  openPorts(): void {
    for (const effect of this.start()) if (effect.type === "open-port") this.opened.push(effect.request);
    for (const [port, { port: number }] of this.#ports.entries()) {
      this.tell({ type: "port-opened", port, local: at(`192.0.2.1:${number}`) });
    }
  }

  /** News of the driver, or what the program around the server wants. */
  tell(news: DriverCommand | ServerCommand): void {
    assert.deepEqual(this.hear(news), []);
  }

  /** The same, where it makes the server send something. */
  hear(news: DriverCommand | ServerCommand): Sent[] {
    this.server.command(this.now, news, this.#out);
    return this.#take();
  }

  /** Somebody connects by TCP. */
  dial(from: Address, port: number = this.tcpPort): void {
    this.#streams.set(addressText(from), port);
    this.tell({ type: "stream-opened", port, from, local: at("192.0.2.1:48800") });
  }

  /** One piece of a stream. */
  write(from: Address, piece: Uint8Array, port: number = this.tcpPort): Sent[] {
    return this.receive(from, piece, port);
  }

  hangUp(from: Address, port: number = this.tcpPort): void {
    this.#streams.delete(addressText(from));
    this.tell({ type: "stream-ended", port, from });
  }

  revoke(usernameHash: string, expirySeconds: number = startSeconds + yearSeconds): Sent[] {
    this.server.command(this.now, { type: "revoke", usernameHash, expirySeconds }, this.#out);
    return this.#take();
  }

  /** Lets time pass, with every wake-up at its moment. */
  pass(ms: number): Sent[] {
    const end = this.now + ms;
    const sent: Sent[] = [];
    for (let due = this.server.nextWake(); due <= end; due = this.server.nextWake()) {
      this.now = Math.max(this.now, due);
      this.server.wake(this.now, this.#out);
      sent.push(...this.#take());
    }
    this.now = end;
    return sent;
  }

  transactionId(): Uint8Array {
    return randomBytes(this.random, 12);
  }

  /** The events of that type since the last call that took them. */
  takeEvents<Type extends ServerEvent["type"]>(type: Type): Extract<ServerEvent, { type: Type }>[] {
    const isWanted = (event: ServerEvent): event is Extract<ServerEvent, { type: Type }> => event.type === type;
    const wanted = this.events.filter(isWanted);
    this.events = this.events.filter((event) => !isWanted(event));
    return wanted;
  }

  #take(): Sent[] {
    const sent: Sent[] = [];
    const news: DriverCommand[] = [];
    for (const effect of this.#out.take()) {
      const became = effect.type === "open-port" ? this.driver?.open(effect.port, effect.request) : undefined;
      if (became !== undefined) news.push(became);
      if (effect.type === "close-port") this.driver?.close(effect.port);
      if (effect.type === "send") {
        const { type: _, ...datagram } = effect;
        sent.push(datagram);
      }
      if (effect.type === "open-port") this.opened.push(effect.request);
      if (effect.type === "close-stream") this.closed.push(addressText(effect.to));
      if (effect.type === "hold-stream")
        this.held[effect.isHeld ? "add" : "delete"](`${effect.port} ${addressText(effect.to)}`);
      if (effect.type === "emit") this.events.push(effect.event);
    }
    for (const one of news) {
      this.server.command(this.now, one, this.#out);
      sent.push(...this.#take());
    }
    return sent;
  }
}

/** Address from text; the tests' own texts are right. */
export function at(text: string): Address {
  const address = addressFromText(text);
  assert(address, text);
  return address;
}

/** The one datagram that was sent to that address. */
export function only(sent: readonly Sent[], to: Address): Uint8Array {
  const mine = sent.filter((datagram) => addressText(datagram.to) === addressText(to));
  assert.equal(mine.length, 1, `datagrams to ${addressText(to)}`);
  const [datagram] = mine;
  assert(datagram);
  return datagram.bytes;
}

export function load(bytes: Uint8Array): StunMessage {
  const message = new StunMessage();
  assert.equal(message.load(bytes), undefined);
  return message;
}

/** The ERROR-CODE of the one datagram to that address. */
export function errorTo(sent: readonly Sent[], to: Address): number | undefined {
  return errorCodeOf(load(only(sent, to)));
}

/** Random enough for a test, and the same each time (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed;
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) {
        state = (state + 0x6d2b_79f5) | 0;
        let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        bytes[i] = mixed >>> 14;
      }
    },
  };
}
