/** A TCP segment on its way (RFC 9293 section 3.1). Its sequence numbers are large enough never to wrap. */
import type { Address } from "@fractal-punch/machine";
import { Datagram, type Receiver, type Station } from "../datagram.ts";

/** The bits of the control field. */
export const Flag = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

export interface SegmentHeader {
  /** `Flag`s. */
  readonly flags: number;
  readonly sequence: number;
  /** The next sequence number that the sender expects; 0 without ACK. */
  readonly acknowledged: number;
}

export class Segment extends Datagram {
  readonly header: SegmentHeader;

  constructor(
    origin: Station,
    source: Address,
    target: Address,
    bytes: Uint8Array,
    hopsLeft: number,
    next: Receiver,
    header: SegmentHeader,
  ) {
    super(origin, source, target, bytes, hopsLeft, next, 0, "tcp");
    this.header = header;
  }

  has(flag: number): boolean {
    return (this.header.flags & flag) !== 0;
  }

  /** How much of the sequence it takes: its bytes, and one each for SYN and FIN. */
  get lengthInSequence(): number {
    return this.bytes.length + (this.has(Flag.syn) ? 1 : 0) + (this.has(Flag.fin) ? 1 : 0);
  }

  override get flagsText(): string {
    return Object.entries(Flag)
      .filter(([, flag]) => this.has(flag))
      .map(([name]) => name.toUpperCase())
      .join(" ");
  }

  override copy(bytes: Uint8Array): Segment {
    const { origin, source, target, hopsLeft, next, header } = this;
    const copy = new Segment(origin, source, target, bytes, hopsLeft, next, header);
    copy.ruled = this.ruled;
    return copy;
  }
}
