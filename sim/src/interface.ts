/** A node's interface: one address on one network, up or down. */
import type { Address } from "@fractal-punch/machine";
import type { Datagram, Station } from "./datagram.ts";
import type { Attachment, Line, Network } from "./network.ts";
import type { Traffic } from "./traffic.ts";

/** What an interface has to know of its node. */
export interface Host extends Station {
  /** A datagram has come to the node. */
  receive(datagram: Datagram): void;
}

export class Interface implements Attachment {
  /** With port 0. */
  readonly address: Address;
  readonly network: Network;
  readonly line: Line;
  /** Down: nothing passes, and sockets do not choose it. */
  isUp = true;
  readonly #host: Host;
  readonly #traffic: Traffic;

  constructor(host: Host, traffic: Traffic, address: Address, network: Network, line: Line) {
    this.#host = host;
    this.#traffic = traffic;
    this.address = address;
    this.network = network;
    this.line = line;
    network.attach(address, this);
  }

  /** Takes the address off the network. */
  remove(): void {
    this.isUp = false;
    this.network.detach(this.address);
  }

  send(datagram: Datagram): void {
    if (this.isUp) this.#traffic.cross(datagram, this.line.up, this.network);
    else this.#traffic.drop(datagram, "interface-down");
  }

  /** A delivery never runs inside the call of a machine: it waits until that has ended. */
  arrive(datagram: Datagram): void {
    const traffic = this.#traffic;
    if (!this.isUp) return traffic.drop(datagram, "interface-down");
    if (traffic.callsUnderWay === 0) return this.#host.receive(datagram);
    datagram.next = this;
    traffic.queue.push(traffic.now, datagram);
  }

  owner(): Station {
    return this.#host;
  }
}
