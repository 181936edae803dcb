/** The client's end of a tunnel: a UDP port on this machine, whose senders are told apart as flows. */
import type { RemoteInfo, Socket } from "node:dgram";
import type { Connection } from "@fractal-punch/peer";
import { FlowTable } from "./flow-table.ts";
import { TunnelEnd } from "./tunnel-end.ts";
import type { UdpAddress } from "./udp-address.ts";
import { boundSocket, sendLent } from "./udp-socket.ts";
import type { Warn } from "./warnings.ts";

const sweepMs = 10_000;
/** What comes while there is no session waits for one, a little: programs often send once and wait for seconds. */
const maxWaiting = 64;
const waitMs = 2000;

interface Sender {
  readonly flow: number;
  readonly ip: string;
  readonly port: number;
}

export class ClientTunnel {
  readonly #socket: Socket;
  readonly #warn: Warn;
  readonly #senders = new FlowTable<Sender>((sender) => this.#ended(sender));
  /** Senders of one port are few, nearly always one: no key is made of a sender's address for each datagram. */
  readonly #byPort = new Map<number, readonly Sender[]>();
  readonly #sweeper: NodeJS.Timeout;
  #waiting: { readonly flow: number; readonly data: Uint8Array; readonly atMs: number }[] = [];
  #end: TunnelEnd | undefined;
  #nextFlow = 0;

  private constructor(socket: Socket, warn: Warn) {
    this.#socket = socket;
    this.#warn = warn;
    socket.on("message", (data, from) => this.#fromSender(data, from));
    socket.on("error", (error) => warn("local-socket", `The local UDP port reports: ${error.message}`));
    this.#sweeper = setInterval(() => this.#senders.endIdle(performance.now()), sweepMs).unref();
  }

  /** Rejects with a PunchError when the port cannot be had. */
  static async open(at: UdpAddress, warn: Warn): Promise<ClientTunnel> {
    return new ClientTunnel(await boundSocket(at), warn);
  }

  get address(): UdpAddress {
    const { address, family, port } = this.#socket.address();
    return { ip: address, family: family === "IPv6" ? 6 : 4, port };
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

  #fromSender(data: Uint8Array, { address, port }: RemoteInfo): void {
    const now = performance.now();
    const { flow } = this.#senderOf(address, port, now);
    if (this.#end !== undefined) return this.#end.send(flow, data);
    if (this.#waiting.length >= maxWaiting) this.#waiting.shift();
    this.#waiting.push({ flow, data: Uint8Array.from(data), atMs: now });
  }

  #senderOf(ip: string, port: number, now: number): Sender {
    const neighbours = this.#byPort.get(port) ?? [];
    for (const sender of neighbours) if (sender.ip === ip) return this.#senders.use(sender.flow, now) ?? sender;
    while (this.#senders.has(this.#nextFlow)) this.#nextFlow = (this.#nextFlow + 1) & 0xffff;
    const sender = { flow: this.#nextFlow, ip, port };
    // Numbers are used again as late as can be, so that the host has forgotten the flow that had it before.
    this.#nextFlow = (this.#nextFlow + 1) & 0xffff;
    this.#senders.add(sender.flow, sender, now);
    this.#byPort.set(port, [...(this.#byPort.get(port) ?? []), sender]);
    return sender;
  }

  #ended(sender: Sender): void {
    const others = this.#byPort.get(sender.port)?.filter((other) => other !== sender) ?? [];
    if (others.length > 0) this.#byPort.set(sender.port, others);
    else this.#byPort.delete(sender.port);
  }

  #toSender(end: TunnelEnd, bytes: Uint8Array): void {
    const now = performance.now();
    const datagram = end.join(bytes, now);
    const sender = datagram && this.#senders.use(datagram.flow, now);
    if (datagram && sender) sendLent(this.#socket, datagram.data, sender.port, sender.ip);
  }
}
