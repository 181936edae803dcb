/** What both ends of a tunnel do with a session: cut what they send into its datagrams, join what comes. */
import { type Connection, PunchError } from "@fractal-punch/peer";
import { Cutter, type FlowDatagram, Joiner, maxTunnelledBytes } from "./pieces.ts";
import type { Warn } from "./warnings.ts";

const lost: ReadonlySet<string> = new Set(["CLOSED", "TOO_LARGE"]);

export class TunnelEnd {
  readonly #connection: Connection;
  readonly #cutter = new Cutter();
  readonly #joiner = new Joiner();
  readonly #send: (datagram: Uint8Array) => void;
  readonly #warn: Warn;
  #tooLarge = 0;

  constructor(connection: Connection, warn: Warn) {
    this.#connection = connection;
    this.#send = (datagram) => sendOrLose(connection, datagram);
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

/**
 * Sends, or loses the datagram like any other: when the session has closed, of which its "close" event tells, and when its
 * path takes less than the other end's does, or than it did when the datagram was cut.
 */
export function sendOrLose(connection: Connection, datagram: Uint8Array): void {
  try {
    connection.send(datagram);
  } catch (error) {
    if (!(error instanceof PunchError && lost.has(error.code))) throw error;
  }
}
