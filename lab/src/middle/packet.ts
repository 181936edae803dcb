/** A real datagram on its way through the simulator's internet. */
import type { Address } from "@fractal-punch/machine";
import { Datagram, type Receiver, type Station } from "@fractal-punch/sim/internet";

export class Packet extends Datagram {
  /** Its headers as they were when it was sent; only the addresses and hops of the datagram change on the way. */
  readonly header: Uint8Array;

  constructor(
    origin: Station,
    source: Address,
    target: Address,
    bytes: Uint8Array,
    hopsLeft: number,
    next: Receiver,
    header: Uint8Array,
  ) {
    super(origin, source, target, bytes, hopsLeft, next, 0);
    this.header = header;
  }

  override copy(bytes: Uint8Array): Packet {
    const { origin, source, target, hopsLeft, next, header } = this;
    const copy = new Packet(origin, source, target, bytes, hopsLeft, next, header);
    copy.ruled = this.ruled;
    return copy;
  }
}
