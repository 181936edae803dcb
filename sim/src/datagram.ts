/** One datagram on its way. It is its own entry in the queue of events, so that a hop allocates nothing. */
import type { Address } from "@fractal-punch/machine";
import type { DatagramEntry } from "./datagram-log.ts";

/** What is above IP: a router keeps the entries of one apart from those of the other. */
export type Transport = "udp" | "tcp";

/** A place that a datagram comes to. */
export interface Receiver {
  arrive(datagram: Datagram): void;
}

/** Something that happens at its time. */
export interface Happening {
  happen(): void;
}

/** What the network has to know of a node. */
export interface Station {
  readonly name: string;
  /** The time of the next wake-up; `Infinity` when nothing waits. */
  nextWake(): number;
}

export class Datagram implements Happening {
  readonly origin: Station;
  /** Who sent it, as the datagram says at this point of its way: NATs rewrite it. */
  source: Address;
  target: Address;
  readonly bytes: Uint8Array;
  readonly ecn: number;
  readonly transport: Transport;
  hopsLeft: number;
  /** Where it comes out next. */
  next: Receiver;
  /** The rules between its two nodes were applied already. */
  ruled = false;
  /** It is dropped where it does not fit; others pass, since what fragments do is not modelled. */
  dontFragment = false;
  entry: DatagramEntry | undefined;
  /** What a machine sent: itself, or what it is a copy of. */
  sent: Datagram = this;

  constructor(
    origin: Station,
    source: Address,
    target: Address,
    bytes: Uint8Array,
    hopsLeft: number,
    next: Receiver,
    ecn: number,
    transport: Transport = "udp",
  ) {
    this.origin = origin;
    this.source = source;
    this.target = target;
    this.bytes = bytes;
    this.hopsLeft = hopsLeft;
    this.next = next;
    this.ecn = ecn;
    this.transport = transport;
  }

  /** What kind of a segment it is ("SYN ACK"), when it is one. */
  get flagsText(): string | undefined {
    return undefined;
  }

  /** With the headers of IP and UDP. */
  get packetBytes(): number {
    return this.bytes.length + (this.target.family === 4 ? 28 : 48);
  }

  /** The same datagram a second time; `bytes` are a copy of its own. */
  copy(bytes: Uint8Array): Datagram {
    const { origin, source, target, hopsLeft, next, ecn, transport } = this;
    const copy = new Datagram(origin, source, target, bytes, hopsLeft, next, ecn, transport);
    copy.ruled = this.ruled;
    copy.dontFragment = this.dontFragment;
    copy.sent = this.sent;
    return copy;
  }

  happen(): void {
    this.next.arrive(this);
  }
}
