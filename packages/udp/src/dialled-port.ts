import { connect, type Socket } from "node:net";
import {
  type Address,
  ipText,
  noInfo,
  type PortId,
  type PortRequest,
  type SendOptions,
  sameAddress,
} from "@fractal-punch/machine";
import type { Port, PortContext } from "./port.ts";
import { Stream, type StreamListener } from "./stream.ts";
import { isTrusted, startTls } from "./tls-client.ts";

/** Of connection and handshake together. */
const defaultPatienceMs = 10_000;

/** One stream that is dialled, over TCP or over TLS. Tells when it is open, or why it cannot be. */
export class DialledPort implements Port, StreamListener {
  readonly #id: PortId;
  readonly #remote: Address;
  readonly #context: PortContext;
  readonly #tcp: Socket;
  readonly #closed: Promise<void>;
  readonly #deadline: NodeJS.Timeout;
  #isWanted = true;
  #stream: Stream | undefined;
  /** Whether the machine may send on it. */
  #isOpen = false;

  constructor(id: PortId, request: PortRequest, remote: Address, context: PortContext) {
    this.#id = id;
    this.#remote = remote;
    this.#context = context;
    this.#tcp = connect({ host: ipText(remote), port: remote.port, noDelay: true, ...origin(request) });
    this.#closed = new Promise((resolve) => this.#tcp.once("close", () => resolve()));
    this.#deadline = setTimeout(() => this.#fail("ETIMEDOUT"), request.patienceMs ?? defaultPatienceMs);
    this.#tcp.on("error", (error: NodeJS.ErrnoException) => this.#fail(error.code ?? "unknown"));
    this.#tcp.once("connect", () => {
      if (request.transport === "tls") this.#secure(request);
      else this.#open(this.#tcp);
    });
  }

  /** Streams know no options. */
  send(to: Address, _options: SendOptions | undefined, head: Uint8Array, rest?: Uint8Array): void {
    const { counters } = this.#context;
    if (!this.#isOpen || !sameAddress(to, this.#remote)) counters.drop("stream-not-open");
    else if (this.#stream?.send(head, rest)) counters.sent++;
    else counters.drop("send-queue-full");
  }

  closeStream(to: Address): void {
    if (!this.#isOpen || !sameAddress(to, this.#remote)) return;
    this.#isOpen = false;
    this.#stream?.close();
  }

  holdStream(to: Address, isHeld: boolean): void {
    if (this.#isOpen && sameAddress(to, this.#remote)) this.#stream?.hold(isHeld);
  }

  close(): Promise<void> {
    this.#isWanted = false;
    this.#isOpen = false;
    clearTimeout(this.#deadline);
    if (this.#stream === undefined) this.#tcp.destroy();
    else this.#stream.close();
    return this.#closed;
  }

  received(_stream: Stream, bytes: Uint8Array): void {
    this.#context.counters.received++;
    this.#context.receive(this.#id, this.#remote, bytes, noInfo);
  }

  full(_stream: Stream, isFull: boolean): void {
    this.#context.tell({ type: "stream-full", port: this.#id, from: this.#remote, isFull });
  }

  ended(): void {
    this.#isOpen = false;
    this.#context.tell({ type: "stream-ended", port: this.#id, from: this.#remote });
  }

  gone(): void {}

  #secure(request: PortRequest): void {
    const tls = startTls(this.#tcp, request.server);
    tls.on("error", () => this.#fail("TLS"));
    tls.once("secureConnect", () => {
      if (isTrusted(tls, request.server)) this.#open(tls);
      else this.#fail("CERTIFICATE");
    });
  }

  #open(socket: Socket): void {
    if (!this.#isWanted) return;
    const { localAddress = "", localPort = 0 } = this.#tcp;
    const local = this.#context.ipTexts.address(localAddress, localPort);
    // It is gone already, or at an address that no machine may see.
    if (local === undefined) return this.#fail("EADDRNOTAVAIL");
    clearTimeout(this.#deadline);
    this.#stream = new Stream(socket, this.#remote, this, this.#tcp);
    this.#isOpen = true;
    this.#context.tell({ type: "stream-opened", port: this.#id, from: this.#remote, local });
  }

  #fail(code: string): void {
    if (!this.#isWanted || this.#stream !== undefined) return;
    void this.close();
    this.#context.tell({ type: "port-failed", port: this.#id, code });
  }
}

function origin({ local, port }: PortRequest): { localAddress?: string; localPort?: number } {
  return { ...(local && { localAddress: ipText(local) }), ...(port !== 0 && { localPort: port }) };
}
