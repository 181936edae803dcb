import {
  type Address,
  assert,
  type DatagramInfo,
  type Machine,
  type Outbox,
  type PortId,
  type PortRequest,
  type SendOptions,
} from "@fractal-punch/machine";
import { BatchPort, openBatchPort } from "./batch/batch-port.ts";
import { Forwarding } from "./batch/forwarding.ts";
import { ForwardingThreads, type ThreadsOptions } from "./batch/forwarding-threads.ts";
import type { HandedOver } from "./batch/handover.ts";
import { type Counters, DriverCounters } from "./counters.ts";
import { chooseDatagramDriver, type DatagramDriver, type DriverKind } from "./datagram-driver.ts";
import { openDatagramPort } from "./datagram-port.ts";
import { DialledPort } from "./dialled-port.ts";
import { IpTexts } from "./ip-texts.ts";
import type { Port, PortContext, PortNews } from "./port.ts";
import { monotonicNow } from "./primitives.ts";
import { StreamPort } from "./stream-port.ts";
import { TlsAcceptor, type TlsIdentity } from "./tls-acceptor.ts";
import { WakeTimer } from "./wake-timer.ts";
import { WallClock } from "./wall-clock.ts";

/** How often the clocks are compared when nothing else happens: so soon after sleep a machine knows of it. */
const clockCheckMs = 1_000;

export interface DriverOptions<Event> {
  /** Called after the machine's call that emitted the event has returned, in the order of the events. */
  readonly onEvent: (event: Event) => void;
  /** With it the machine may open ports of TLS that listen; without it they fail with EPROTONOSUPPORT. */
  readonly tls?: TlsIdentity;
  /** How UDP is read and written; the best that works here when absent. */
  readonly driver?: DriverKind;
  /** Threads that forward besides this one, for a machine that has a forwarder; only with the batch driver. */
  readonly threads?: ThreadsOptions;
}

/**
 * Runs one machine on sockets of node:dgram, node:net and node:tls and the real clock, from its construction until `close`. The
 * machine is never entered while it is in a call: what comes meanwhile waits. What the machine or `onEvent` throws is a
 * broken invariant and passes through; the ports stay open until `close`.
 */
export class Driver<Command, Event> {
  readonly #machine: Machine<Command, Event>;
  readonly #onEvent: (event: Event) => void;
  readonly #out: Outbox<Event>;
  readonly #counters = new DriverCounters();
  readonly #context: PortContext;
  readonly #datagramDriver: DatagramDriver;
  readonly #ports = new Map<PortId, Port>();
  readonly #wallClock = new WallClock();
  readonly #wakeTimer = new WakeTimer(() => this.#wake());
  readonly #clockTimer: NodeJS.Timeout;
  /** What waits for the machine's call to return. */
  readonly #events: { readonly event: Event }[] = [];
  readonly #commands: { readonly command: Command }[] = [];
  #portNews: PortNews[] = [];
  #running = false;
  /** Of the last input. */
  #lastNow = -Infinity;
  #datagram: Uint8Array | undefined;
  #closing: Promise<void> | undefined;

  /** Throws what node:tls does when `options.tls` is no key with its certificate, and DriverError. */
  constructor(machine: Machine<Command, Event>, options: DriverOptions<Event>) {
    this.#machine = machine;
    this.#onEvent = options.onEvent;
    this.#out = this.#outbox();
    this.#datagramDriver = chooseDatagramDriver(options.driver);
    const { forwarder } = machine;
    const { io } = this.#datagramDriver;
    this.#context = {
      counters: this.#counters,
      ipTexts: new IpTexts(),
      tlsAcceptor: options.tls && new TlsAcceptor(options.tls, this.#counters),
      forwarding: forwarder && io && new Forwarding(forwarder, this.#counters),
      threads:
        io &&
        options.threads &&
        new ForwardingThreads(options.threads, io, this.#counters, (handed) => this.#takeOver(handed)),
      receive: (port, from, bytes, info, now) => this.#receive(port, from, bytes, info, now),
      tell: (news) => this.#tell(news),
    };
    this.#clockTimer = setInterval(() => this.#tick(), clockCheckMs).unref();
    queueMicrotask(() => this.#tick());
  }

  get counters(): Counters {
    return this.#context.threads?.counters ?? this.#counters;
  }

  /** How UDP is read and written, and why so. */
  get datagramDriver(): Pick<DatagramDriver, "kind" | "reason"> {
    return this.#datagramDriver;
  }

  /** Gives the machine a command: at once, or after the call that it is in. Does nothing after `close`. */
  command(command: Command): void {
    this.#commands.push({ command });
    if (!this.#running) this.#tick();
  }

  /** For TLS connections from now on, in a driver that was made with `tls`. Throws as the constructor does. */
  replaceTls(identity: TlsIdentity): void {
    this.#context.tlsAcceptor?.replace(identity);
  }

  /** Ends it: no input, no event and no timer from the call on. Resolves when all sockets are closed. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    clearInterval(this.#clockTimer);
    this.#wakeTimer.clear();
    const ports = [...this.#ports.values()];
    this.#ports.clear();
    await Promise.all(ports.map((port) => port.close()));
    await this.#context.threads?.close();
  }

  /** A forwarding thread leaves a datagram to the machine. */
  #takeOver(handed: HandedOver): void {
    const port = this.#ports.get(handed.port);
    if (port instanceof BatchPort) port.takeOver(handed);
  }

  #receive(port: PortId, from: Address, bytes: Uint8Array, info: DatagramInfo, cameAt: number = monotonicNow()): void {
    this.#running = true;
    try {
      const now = this.#now(cameAt);
      this.#datagram = bytes;
      this.#machine.receive(now, port, from, bytes, info, this.#out);
      this.#datagram = undefined;
      this.#settle();
    } finally {
      this.#leave();
    }
  }

  #tell(news: PortNews): void {
    if (news.type === "port-failed") this.#ports.delete(news.port);
    this.#portNews.push(news);
    if (!this.#running) this.#tick();
  }

  #wake(): void {
    this.#running = true;
    try {
      const now = this.#now();
      if (this.#machine.nextWake() <= now) this.#machine.wake(now, this.#out);
      this.#settle();
    } finally {
      this.#leave();
    }
  }

  /** Does what waits, without an input of its own. */
  #tick(): void {
    if (this.#closing !== undefined) return;
    this.#running = true;
    try {
      this.#now();
      this.#settle();
    } finally {
      this.#leave();
    }
  }

  /** The time for the machine's next input; tells it the time of day first, when that is news. */
  #now(now: number = monotonicNow()): number {
    if (now === this.#lastNow) return now;
    this.#lastNow = now;
    const epochMs = this.#wallClock.news(now);
    if (epochMs !== undefined) this.#machine.command(now, { type: "clock", epochMs }, this.#out);
    return now;
  }

  /** Tells the program the events, then gives the machine what waited for it, until nothing is left. */
  #settle(): void {
    while (this.#closing === undefined && this.#waiting > 0) {
      const emitted = this.#events.shift();
      if (emitted !== undefined) {
        this.#onEvent(emitted.event);
        continue;
      }
      const command = this.#portNews.shift() ?? this.#commands.shift()?.command;
      if (command === undefined) return;
      this.#machine.command(monotonicNow(), command, this.#out);
    }
  }

  get #waiting(): number {
    return this.#events.length + this.#portNews.length + this.#commands.length;
  }

  #leave(): void {
    this.#running = false;
    this.#datagram = undefined;
    if (this.#closing === undefined) this.#wakeTimer.arm(this.#machine.nextWake());
  }

  #outbox(): Outbox<Event> {
    return {
      send: (port, to, bytes, options) => this.#send(port, to, options, bytes),
      forward: (port, to, head, start, options) => {
        assert(this.#datagram !== undefined, "forward outside receive");
        this.#send(port, to, options, head, this.#datagram.subarray(start));
      },
      openPort: (port, request) => this.#openPort(port, request),
      closePort: (port) => this.#closePort(port),
      closeStream: (port, to) => this.#ports.get(port)?.closeStream(to),
      holdStream: (port, to, isHeld) => this.#ports.get(port)?.holdStream(to, isHeld),
      emit: (event) => {
        this.#events.push({ event });
      },
    };
  }

  #send(port: PortId, to: Address, options: SendOptions | undefined, head: Uint8Array, rest?: Uint8Array): void {
    const open = this.#ports.get(port);
    if (open === undefined) this.#counters.drop("port-not-open");
    else open.send(to, options, head, rest);
  }

  #openPort(port: PortId, request: PortRequest): void {
    assert(!this.#ports.has(port), `port ${port} is open already`);
    const opened = this.#openedPort(port, request);
    if (opened !== undefined) this.#ports.set(port, opened);
  }

  #openedPort(port: PortId, request: PortRequest): Port | undefined {
    const { transport = "udp", remote } = request;
    if (transport === "udp") return this.#openUdp(port, request);
    if (remote !== undefined) return new DialledPort(port, request, remote, this.#context);
    if (transport === "tcp" || this.#context.tlsAcceptor !== undefined)
      return new StreamPort(port, request, this.#context);
    this.#context.tell({ type: "port-failed", port, code: "EPROTONOSUPPORT" });
    return undefined;
  }

  #openUdp(port: PortId, request: PortRequest): Port | undefined {
    const { io } = this.#datagramDriver;
    if (io === undefined) return openDatagramPort(port, request, this.#context);
    const opened = openBatchPort(port, request, io, this.#context);
    if (opened !== undefined) this.#context.forwarding?.ports.set(port, opened.socket);
    return opened;
  }

  #closePort(port: PortId): void {
    // News of a port that was opened and closed within one call would be taken for news of the next one of its number.
    this.#portNews = this.#portNews.filter((news) => news.port !== port);
    const open = this.#ports.get(port);
    this.#ports.delete(port);
    this.#context.forwarding?.ports.delete(port);
    void open?.close();
  }
}
