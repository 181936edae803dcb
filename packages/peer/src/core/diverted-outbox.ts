import type { Address, PortId, PortRequest, SendOptions } from "@fractal-punch/machine";
import type { Out } from "./context.ts";
import type { PeerEvent } from "./events.ts";

/** Takes a datagram to the server over; false when it is to leave as it would. */
export type Divert = (port: PortId, to: Address, bytes: Uint8Array) => boolean;

/** An outbox that offers each datagram to somebody before it lets it go. */
export class DivertedOutbox implements Out {
  #out: Out;
  readonly #divert: Divert;

  constructor(out: Out, divert: Divert) {
    this.#out = out;
    this.#divert = divert;
  }

  /** What is not diverted. */
  get inner(): Out {
    return this.#out;
  }

  to(out: Out): this {
    if (out !== this) this.#out = out;
    return this;
  }

  send(port: PortId, to: Address, bytes: Uint8Array, options?: SendOptions): void {
    if (!this.#divert(port, to, bytes)) this.#out.send(port, to, bytes, options);
  }

  forward(port: PortId, to: Address, head: Uint8Array, start: number, options?: SendOptions): void {
    this.#out.forward(port, to, head, start, options);
  }

  openPort(port: PortId, request: PortRequest): void {
    this.#out.openPort(port, request);
  }

  closePort(port: PortId): void {
    this.#out.closePort(port);
  }

  closeStream(port: PortId, to: Address): void {
    this.#out.closeStream(port, to);
  }

  holdStream(port: PortId, to: Address, isHeld: boolean): void {
    this.#out.holdStream(port, to, isHeld);
  }

  emit(event: PeerEvent): void {
    this.#out.emit(event);
  }
}
