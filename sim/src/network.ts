/** A network: the middle of the world, or what is behind a router. Datagrams go by their destination's IP address. */
import { type Address, type AddressKey, ipText, prefixKey } from "@fractal-punch/machine";
import type { Datagram, Receiver, Station, Transport } from "./datagram.ts";
import type { Link, LinkOptions } from "./link.ts";
import type { Traffic } from "./traffic.ts";

/** Both directions of a line; those of `up` lead towards the middle. */
export interface LineOptions extends LinkOptions {
  /** What differs towards the middle. */
  readonly up?: LinkOptions;
  /** What differs from the middle. */
  readonly down?: LinkOptions;
}

/** What joins a node or a router to a network. */
export class Line {
  readonly up: Link;
  readonly down: Link;

  constructor(up: Link, down: Link) {
    this.up = up;
    this.down = down;
  }

  /** Changes what is named, in both directions or in one. */
  change(options: LineOptions): void {
    const { up, down, ...both } = options;
    this.up.change({ ...both, ...up });
    this.down.change({ ...both, ...down });
  }
}

/** A node's interface, or a router's outside. */
export interface Attachment extends Receiver {
  readonly line: Line;
  /** The node that a datagram to `target` from `source` is for, as far as it is known. */
  owner(target: Address, source: Address, transport: Transport): Station | undefined;
}

/** The way out of a network. */
export interface Gateway {
  /** Sends a datagram on towards the middle. */
  forward(datagram: Datagram): void;
  /** Makes an address of this network known further out; only a router that does not translate does. */
  publish(address: Address): void;
  withdraw(address: Address): void;
}

export interface Prefix {
  readonly address: Address;
  readonly bits: number;
}

export class Network implements Receiver {
  readonly #traffic: Traffic;
  readonly #gateway: Gateway | undefined;
  readonly #prefix: Prefix | undefined;
  readonly #prefixKey: AddressKey | undefined;
  readonly #hops: number;
  readonly #attachments: Map<Address["ip"], Attachment> = new Map();
  #addressesGiven = 0;

  /** `prefix` is the network's own: what is not found within it is nowhere else either. */
  constructor(traffic: Traffic, hops: number, prefix?: Prefix, gateway?: Gateway) {
    this.#traffic = traffic;
    this.#hops = hops;
    this.#prefix = prefix;
    this.#prefixKey = prefix === undefined ? undefined : prefixKey(prefix.address, prefix.bits);
    this.#gateway = gateway;
  }

  get family(): 4 | 6 | undefined {
    return this.#prefix?.address.family;
  }

  attach(address: Address, attachment: Attachment): void {
    if (this.#attachments.has(address.ip))
      throw new Error(`${ipText(address)} is taken already in its network; give another address`);
    this.#attachments.set(address.ip, attachment);
    this.#gateway?.publish(address);
  }

  detach(address: Address): void {
    this.#attachments.delete(address.ip);
    this.#gateway?.withdraw(address);
  }

  /** An address of the prefix that nobody has, from its second on. */
  freeAddress(prefix: Prefix | undefined = this.#prefix): Address {
    if (prefix === undefined) throw new Error("broken invariant: no prefix to take an address from");
    for (;;) {
      const address = nthAddress(prefix.address, 2 + this.#addressesGiven++);
      if (!this.#attachments.has(address.ip)) return address;
    }
  }

  /** The node that a datagram to `target` from `source` would come to. */
  owner(target: Address, source: Address, transport: Transport): Station | undefined {
    return this.#attachments.get(target.ip)?.owner(target, source, transport);
  }

  /** Whether an address is one of this network's own. */
  holds(address: Address): boolean {
    if (this.#attachments.has(address.ip)) return true;
    const prefix = this.#prefix;
    return prefix?.address.family === address.family && prefixKey(address, prefix.bits) === this.#prefixKey;
  }

  /** Takes a datagram to the attachment that has its destination, or out of this network. */
  arrive(datagram: Datagram): void {
    const { target } = datagram;
    const attachment = this.#attachments.get(target.ip);
    if (attachment !== undefined) return this.#deliver(datagram, attachment);
    if (this.#gateway === undefined || this.holds(target)) return this.#traffic.drop(datagram, "no-route");
    this.#gateway.forward(datagram);
  }

  #deliver(datagram: Datagram, attachment: Attachment): void {
    const traffic = this.#traffic;
    if (traffic.rules.size > 0 && !datagram.ruled) {
      const owner = attachment.owner(datagram.target, datagram.source, datagram.transport);
      if (!traffic.passesRule(datagram, owner, this)) return;
    }
    datagram.hopsLeft -= this.#hops;
    if (datagram.hopsLeft <= 0) return traffic.drop(datagram, "ttl");
    traffic.cross(datagram, attachment.line.down, attachment);
  }
}

/** The address that is `n` behind `first`. */
function nthAddress(first: Address, n: number): Address {
  if (first.family === 4) return { family: 4, ip: first.ip + n, port: 0 };
  const end = String.fromCharCode((n >>> 24) & 0xff, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff);
  return { family: 6, ip: first.ip.slice(0, 12) + end, port: 0 };
}
