/** The client's end of a tunnel: a UDP port on this machine, whose senders are told apart as flows. */
import type { RemoteInfo, Socket } from "node:dgram";
import type { Connection } from "@fractal-punch/peer";
import { FlowTable } from "./flow-table.ts";
import { TunnelEnd } from "./tunnel-end.ts";
import type { UdpAddress } from "./udp-address.ts";
import { boundSocket } from "./udp-socket.ts";
import type { Warn } from "./warnings.ts";

const sweepMs = 10_000;
/** What comes while there is no session waits for one, a little: programs often send once and wait for seconds. */
const maxWaiting = 64;
const waitMs = 2000;

interface Sender {
  readonly flow: number;
  readonly key: string;
  readonly ip: string;
  readonly port: number;
}

export class ClientTunnel {
  readonly #socket: Socket;
  readonly #warn: Warn;
  readonly #senders = new FlowTable<string, Sender>((sender) => this.#byFlow.delete(sender.flow));
  readonly #byFlow = new Map<number, Sender>();
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
    connection.on("message", (bytes) => this.#toSender(end, bytes));
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

  #fromSender(data: Uint8Array, from: RemoteInfo): void {
    const { flow } = this.#senderOf(from);
    if (this.#end !== undefined) return this.#end.send(flow, data);
    if (this.#waiting.length >= maxWaiting) this.#waiting.shift();
    this.#waiting.push({ flow, data, atMs: performance.now() });
  }

  #senderOf({ address, port }: RemoteInfo): Sender {
    const now = performance.now();
    const key = `${address} ${port}`;
    const known = this.#senders.use(key, now);
    if (known !== undefined) return known;
    while (this.#byFlow.has(this.#nextFlow)) this.#nextFlow = (this.#nextFlow + 1) & 0xffff;
    const sender = { flow: this.#nextFlow, key, ip: address, port };
    // Numbers are used again as late as can be, so that the host has forgotten the flow that had it before.
    this.#nextFlow = (this.#nextFlow + 1) & 0xffff;
    this.#senders.add(key, sender, now);
    this.#byFlow.set(sender.flow, sender);
    return sender;
  }

  #toSender(end: TunnelEnd, bytes: Uint8Array): void {
    const datagram = end.join(bytes);
    const sender = datagram && this.#byFlow.get(datagram.flow);
    if (datagram === undefined || sender === undefined) return;
    this.#senders.use(sender.key, performance.now());
    this.#socket.send(datagram.data, sender.port, sender.ip);
  }
}
