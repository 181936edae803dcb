/** A peer's machine on real sockets, and the datagrams that applications send through it. */
import type { Machine } from "@fractal-punch/machine";
import { chooseDatagramDriver, Driver, DriverError, type DriverKind } from "@fractal-punch/udp";
import type { PeerCommand, PeerEvent } from "./core/events.ts";
import { PunchError } from "./errors.ts";

/** Copies share memory of this size: an array for each takes four times as long to make. */
const chunkBytes = 65_536;

export class PeerDriver<Command> extends Driver<Command | PeerCommand, PeerEvent> {
  #isTelling = false;
  #chunk = new Uint8Array(0);
  #used = 0;

  /** Throws USAGE when the driver that the environment names does not work here. */
  constructor(machine: Machine<Command | PeerCommand, PeerEvent>, onEvent: (event: PeerEvent) => void) {
    super(machine, { driver: wantedDriver(), onEvent: (event) => this.#tell(event, onEvent) });
  }

  /** The bytes are the caller's again when it returns: what is sent out of an event leaves only after all events. */
  send(session: number, data: Uint8Array): void {
    this.command({ type: "send", session, data: this.#isTelling ? this.#copyOf(data) : data });
  }

  #copyOf(data: Uint8Array): Uint8Array {
    if (this.#used + data.length > this.#chunk.length) {
      this.#chunk = new Uint8Array(Math.max(chunkBytes, data.length));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += data.length;
    const copy = this.#chunk.subarray(start, this.#used);
    copy.set(data);
    return copy;
  }

  #tell(event: PeerEvent, onEvent: (event: PeerEvent) => void): void {
    this.#isTelling = true;
    try {
      onEvent(event);
    } finally {
      this.#isTelling = false;
    }
  }
}

/** The one that a `PeerDriver` uses. Throws USAGE as that does. */
export function wantedDriver(): DriverKind {
  try {
    return chooseDatagramDriver().kind;
  } catch (error) {
    if (error instanceof DriverError) throw new PunchError("USAGE", error.message, error);
    throw error;
  }
}
