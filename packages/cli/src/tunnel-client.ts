/** The client's end of a tunnel: a UDP port on this machine, whose senders are told apart as flows. */
import { type Address, addressText, sameIp } from "@fractal-punch/machine";
import { type Connection, PunchError } from "@fractal-punch/peer";
import { UdpSocket } from "@fractal-punch/udp";
import { FlowTable } from "./flow-table.ts";
import { TunnelEnd } from "./tunnel-end.ts";
import type { Warn } from "./warnings.ts";

const sweepMs = 10_000;
/** What comes while there is no session waits for one, a little: programs often send once and wait for seconds. */
const maxWaiting = 64;
const waitMs = 2000;

interface Sender {
  readonly flow: number;
  readonly address: Address;
}

export class ClientTunnel {
  readonly #socket: UdpSocket;
  readonly #warn: Warn;
  readonly #senders = new FlowTable<Sender>((sender) => this.#ended(sender));
  /** Senders of one port are few, nearly always one: no key is made of a sender's address for each datagram. */
  readonly #byPort = new Map<number, readonly Sender[]>();
  readonly #sweeper: NodeJS.Timeout;
  #waiting: { readonly flow: number; readonly data: Uint8Array; readonly atMs: number }[] = [];
  #end: TunnelEnd | undefined;
  #nextFlow = 0;

  /** Listens there at once. Throws a PunchError when the port cannot be had. */
  constructor(at: Address, warn: Warn) {
    const socket = UdpSocket.open({
      request: { family: at.family, local: at, port: at.port },
      onDatagram: (from, data) => this.#fromSender(data, from),
      onFault: (code) => warn("local-socket", `The local UDP port reports ${code}.`),
    });
    if (typeof socket === "string")
      throw new PunchError("USAGE", `Cannot listen on UDP ${addressText(at)}: ${bindFault(socket)}`);
    this.#socket = socket;
    this.#warn = warn;
    this.#sweeper = setInterval(() => this.#senders.endIdle(performance.now()), sweepMs).unref();
  }

  get address(): Address {
    return this.#socket.local;
  }

  get flows(): number {
    return this.#senders.size;
  }

  /** Carries datagrams over `connection` until it closes. The flows stay the same from one connection to the next. */
  attach(connection: Connection): void {
    const end = new TunnelEnd(connection, this.#warn);
    this.#end = end;
    connection.lendTo((bytes) => this.#toSender(end, bytes));
    connection.on("close", () => {
      if (this.#end === end) this.#end = undefined;
    });
    const since = performance.now() - waitMs;
    for (const { flow, data, atMs } of this.#waiting) if (atMs >= since) end.send(flow, data);
    this.#waiting = [];
  }

  close(): void {
    clearInterval(this.#sweeper);
    this.#socket.close();
  }

  #fromSender(data: Uint8Array, from: Address): void {
    const now = performance.now();
    const { flow } = this.#senderOf(from, now);
    if (this.#end !== undefined) return this.#end.send(flow, data);
    if (this.#waiting.length >= maxWaiting) this.#waiting.shift();
    this.#waiting.push({ flow, data: Uint8Array.from(data), atMs: now });
  }

  #senderOf(address: Address, now: number): Sender {
    const neighbours = this.#byPort.get(address.port) ?? [];
    for (const sender of neighbours)
      if (sameIp(sender.address, address)) return this.#senders.use(sender.flow, now) ?? sender;
    while (this.#senders.has(this.#nextFlow)) this.#nextFlow = (this.#nextFlow + 1) & 0xffff;
    const sender = { flow: this.#nextFlow, address };
    // Numbers are used again as late as can be, so that the host has forgotten the flow that had it before.
    this.#nextFlow = (this.#nextFlow + 1) & 0xffff;
    this.#senders.add(sender.flow, sender, now);
    this.#byPort.set(address.port, [...(this.#byPort.get(address.port) ?? []), sender]);
    return sender;
  }

  #ended(sender: Sender): void {
    const { port } = sender.address;
    const others = this.#byPort.get(port)?.filter((other) => other !== sender) ?? [];
    if (others.length > 0) this.#byPort.set(port, others);
    else this.#byPort.delete(port);
  }

  #toSender(end: TunnelEnd, bytes: Uint8Array): void {
    const now = performance.now();
    const datagram = end.join(bytes, now);
    const sender = datagram && this.#senders.use(datagram.flow, now);
    if (datagram && sender) this.#socket.send(sender.address, datagram.data);
  }
}

function bindFault(code: string): string {
  if (code === "EADDRINUSE") return "another program uses this port. End that program, or choose another port.";
  if (code === "EADDRNOTAVAIL") return "this machine does not have that address. Choose 127.0.0.1 or one that it has.";
  if (code === "EACCES") return "ports below 1024 need privilege. Choose a higher port.";
  return `the system says ${code}.`;
}
