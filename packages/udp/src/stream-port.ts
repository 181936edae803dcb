import { createServer, type Server, type Socket } from "node:net";
import {
  type Address,
  type AddressKey,
  addressKey,
  ipText,
  noInfo,
  type PortId,
  type PortRequest,
  type SendOptions,
} from "@fractal-punch/machine";
import type { Port, PortContext } from "./port.ts";
import { Stream, type StreamListener } from "./stream.ts";
import type { TlsAcceptor } from "./tls-acceptor.ts";

const wildcards = { 4: "0.0.0.0", 6: "::" } as const;

/**
 * One listening socket of node:net, and the streams that came to it, of TCP or of TLS. Tells when it is bound, or why it
 * cannot be.
 */
export class StreamPort implements Port, StreamListener {
  readonly #id: PortId;
  readonly #context: PortContext;
  readonly #server: Server;
  /** Of a port of TLS. */
  readonly #tlsAcceptor: TlsAcceptor | undefined;
  /** Those whose handshake is not done. */
  readonly #unready = new Set<Socket>();
  /** Those that the machine knows. */
  readonly #streams = new Map<AddressKey, Stream>();
  /** Those that it knows no more, and whose sockets are not closed yet. */
  readonly #leaving = new Set<Stream>();
  #isOpen = true;

  constructor(id: PortId, request: PortRequest, context: PortContext) {
    this.#id = id;
    this.#context = context;
    this.#tlsAcceptor = request.transport === "tls" ? context.tlsAcceptor : undefined;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server.once("listening", () => this.#opened());
    this.#server.on("error", (error: NodeJS.ErrnoException) => {
      if (this.#server.listening) context.counters.fail(error.code);
      else this.#failed(error.code ?? "unknown");
    });
    const host = request.local === undefined ? wildcards[request.family] : ipText(request.local);
    // Exclusive: in a cluster's worker the streams would otherwise be spread over all workers.
    this.#server.listen({ host, port: request.port, ipv6Only: request.family === 6, exclusive: true });
  }

  /** Streams know no options. */
  send(to: Address, _options: SendOptions | undefined, head: Uint8Array, rest?: Uint8Array): void {
    const { counters } = this.#context;
    const stream = this.#streams.get(addressKey(to));
    if (stream === undefined) counters.drop("stream-not-open");
    else if (stream.send(head, rest)) counters.sent++;
    else counters.drop("send-queue-full");
  }

  closeStream(to: Address): void {
    const stream = this.#streams.get(addressKey(to));
    if (stream === undefined) return;
    this.#leave(stream);
    stream.close();
  }

  holdStream(to: Address, isHeld: boolean): void {
    this.#streams.get(addressKey(to))?.hold(isHeld);
  }

  close(): Promise<void> {
    this.#isOpen = false;
    for (const stream of [...this.#streams.values(), ...this.#leaving]) stream.destroy();
    for (const tcp of this.#unready) tcp.destroy();
    this.#streams.clear();
    return new Promise((resolve) => {
      const closeServer = (): void => void this.#server.close(() => resolve());
      if (this.#server.listening) return closeServer();
      // node:net goes on with a bind that is under way.
      this.#server.once("listening", closeServer).once("error", () => resolve());
    });
  }

  received(stream: Stream, bytes: Uint8Array): void {
    this.#context.counters.received++;
    this.#context.receive(this.#id, stream.from, bytes, noInfo);
  }

  full(stream: Stream, isFull: boolean): void {
    this.#context.tell({ type: "stream-full", port: this.#id, from: stream.from, isFull });
  }

  ended(stream: Stream): void {
    this.#leave(stream);
    this.#context.tell({ type: "stream-ended", port: this.#id, from: stream.from });
  }

  gone(stream: Stream): void {
    this.#leaving.delete(stream);
  }

  #opened(): void {
    if (!this.#isOpen) return;
    const bound = this.#server.address();
    const local = typeof bound === "object" ? this.#address(bound?.address, bound?.port) : undefined;
    if (local !== undefined) return this.#context.tell({ type: "port-opened", port: this.#id, local });
    this.#failed("EADDRNOTAVAIL");
    void this.close();
  }

  #failed(code: string): void {
    if (this.#isOpen) this.#context.tell({ type: "port-failed", port: this.#id, code });
  }

  #accept(tcp: Socket): void {
    const from = this.#address(tcp.remoteAddress, tcp.remotePort);
    const local = this.#address(tcp.localAddress, tcp.localPort);
    if (from === undefined || local === undefined) {
      tcp.destroy();
      return this.#context.counters.drop("source-unusable");
    }
    if (this.#tlsAcceptor === undefined) return this.#open(tcp, tcp, from, local);
    this.#unready.add(tcp);
    tcp.once("close", () => this.#unready.delete(tcp));
    this.#tlsAcceptor.accept(tcp, from, (tls) => {
      this.#unready.delete(tcp);
      this.#open(tls, tcp, from, local);
    });
  }

  #open(socket: Socket, tcp: Socket, from: Address, local: Address): void {
    const older = this.#streams.get(addressKey(from));
    if (older !== undefined) {
      // The far end would not connect again while it had it.
      older.destroy();
      this.ended(older);
    }
    // What the machine was just told may have made it close this port.
    if (!this.#isOpen) return void socket.destroy();
    this.#streams.set(addressKey(from), new Stream(socket, from, this, tcp));
    this.#context.tell({ type: "stream-opened", port: this.#id, from, local });
  }

  /** `undefined` for what no machine may see, and for a socket whose far end is already gone. */
  #address(ip: string | undefined, port: number | undefined): Address | undefined {
    return ip === undefined || port === undefined ? undefined : this.#context.ipTexts.address(ip, port);
  }

  #leave(stream: Stream): void {
    this.#streams.delete(addressKey(stream.from));
    this.#leaving.add(stream);
  }
}
