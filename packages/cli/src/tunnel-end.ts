/** What both ends of a tunnel do with a session: cut what they send into its datagrams, join what comes. */
import { type Connection, PunchError } from "@fractal-punch/peer";
import { Cutter, type FlowDatagram, Joiner, maxTunnelledBytes } from "./pieces.ts";
import type { Warn } from "./warnings.ts";

export class TunnelEnd {
  readonly #connection: Connection;
  readonly #cutter = new Cutter();
  readonly #joiner = new Joiner();
  readonly #send: (datagram: Uint8Array) => void;
  readonly #warn: Warn;
  #tooLarge = 0;

  constructor(connection: Connection, warn: Warn) {
    this.#connection = connection;
    this.#send = (datagram) => sendUnlessClosed(connection, datagram);
    this.#warn = warn;
  }

  /** Datagrams above four pieces are dropped and counted; so is everything once the session is closed. */
  send(flow: number, data: Uint8Array): void {
    if (!this.#cutter.cut(flow, data, this.#connection.maxDatagramBytes, this.#send)) this.#dropTooLarge(data.length);
  }

  /** As `Joiner.join` does. */
  join(bytes: Uint8Array, nowMs: number): FlowDatagram | undefined {
    return this.#joiner.join(bytes, nowMs);
  }

  #dropTooLarge(length: number): void {
    this.#tooLarge += 1;
    const limit = maxTunnelledBytes(this.#connection.maxDatagramBytes);
    const count = this.#tooLarge === 1 ? "It was dropped." : `${this.#tooLarge} were dropped so far.`;
    this.#warn("too-large", `A datagram of ${length} bytes is larger than the tunnel takes (${limit} bytes). ${count}`);
  }
}

/** Sends, unless the session has closed: then its "close" event tells of it, and the datagram is lost like any other. */
export function sendUnlessClosed(connection: Connection, datagram: Uint8Array): void {
  try {
    connection.send(datagram);
  } catch (error) {
    if (!(error instanceof PunchError && error.code === "CLOSED")) throw error;
  }
}
