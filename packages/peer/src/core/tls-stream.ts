/** A peer's TLS connection to its server: messages one behind the other, each padded to 4 bytes (RFC 8656 section 12.5). */
import { type Address, type PortId, withPort } from "@fractal-punch/machine";
import { channelPaddingBytes, StreamFrames } from "@fractal-punch/wire";
import type { Out } from "./context.ts";

/** Where the server takes TLS, and how it is known there. */
export interface TlsOptions {
  readonly port: number;
  /** The server's DNS name, or an address as text. */
  readonly name: string;
  /** SHA-256 of the public key of its certificate; when absent, any certificate is taken. */
  readonly keyHash?: Uint8Array;
}

export class TlsStream {
  readonly port: PortId;
  state: "closed" | "dialling" | "open" = "closed";
  /** Where it leads. */
  remote: Address | undefined;
  /** This end, once it is open. */
  local: Address | undefined;
  #frames = new StreamFrames();

  constructor(port: PortId) {
    this.port = port;
  }

  dial(server: Address, { port, name, keyHash }: TlsOptions, out: Out): void {
    this.state = "dialling";
    this.remote = withPort(server, port);
    const { remote } = this;
    const expected = { name, ...(keyHash && { keyHash }) };
    out.openPort(this.port, { transport: "tls", family: server.family, port: 0, remote, server: expected });
  }

  opened(local: Address): void {
    this.state = "open";
    this.local = local;
  }

  close(out: Out): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.#frames = new StreamFrames();
    out.closePort(this.port);
  }

  send(bytes: Uint8Array, out: Out): void {
    if (this.state !== "open" || this.remote === undefined) return;
    const padded = new Uint8Array(bytes.length + channelPaddingBytes(bytes.length));
    padded.set(bytes);
    out.send(this.port, this.remote, padded);
  }

  /** Takes a piece; then ask `next` until it gives no more. */
  push(piece: Uint8Array): void {
    this.#frames.push(piece);
  }

  /** The next whole message, valid as long as the piece is. Closes the stream when it cannot be understood. */
  next(out: Out): Uint8Array | undefined {
    const message = this.#frames.next();
    if (typeof message !== "string") return message;
    this.close(out);
    return undefined;
  }
}
