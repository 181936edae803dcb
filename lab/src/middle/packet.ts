/** A real datagram, or a segment of TCP, on its way through the simulator's internet. */
import type { Address } from "@fractal-punch/machine";
import { Datagram, type Receiver, type Station, type Transport } from "@fractal-punch/sim/internet";

export class Packet extends Datagram {
  /** Its `headerLength` bytes as they were when it was sent; only the addresses and hops change on the way. */
  readonly header: Uint8Array;

  constructor(
    origin: Station,
    source: Address,
    target: Address,
    bytes: Uint8Array,
    hopsLeft: number,
    next: Receiver,
    header: Uint8Array,
    transport: Transport,
  ) {
    super(origin, source, target, bytes, hopsLeft, next, 0, transport);
    this.header = header;
  }

  override copy(bytes: Uint8Array): Packet {
    const { origin, source, target, hopsLeft, next, header, transport } = this;
    const copy = new Packet(origin, source, target, bytes, hopsLeft, next, header, transport);
    copy.ruled = this.ruled;
    copy.dontFragment = this.dontFragment;
    copy.sent = this.sent;
    return copy;
  }
}
