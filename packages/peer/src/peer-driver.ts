/** A peer's machine on real sockets, and the datagrams that applications send through it. */
import type { Machine } from "@fractal-punch/machine";
import { Driver } from "@fractal-punch/udp";
import type { PeerCommand, PeerEvent } from "./core/events.ts";

export class PeerDriver<Command> extends Driver<Command | PeerCommand, PeerEvent> {
  #isTelling = false;

  constructor(machine: Machine<Command | PeerCommand, PeerEvent>, onEvent: (event: PeerEvent) => void) {
    super(machine, { onEvent: (event) => this.#tell(event, onEvent) });
  }

  /** The bytes are the caller's again when it returns: what is sent out of an event leaves only after all events. */
  send(session: number, data: Uint8Array): void {
    this.command({ type: "send", session, data: this.#isTelling ? data.slice() : data });
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
