import type { Forwarder, ForwardOutbox, PortId } from "@fractal-punch/machine";
import type { DriverCounters } from "../counters.ts";
import type { BatchSocket } from "./batch-socket.ts";
import type { ReceiveBatch } from "./receive-batch.ts";

/** A machine's forwarding plane at work on the sockets of a driver. */
export class Forwarding implements ForwardOutbox {
  /** The driver's, by number; what is missing here is no socket of UDP, or not open. */
  readonly ports: Map<PortId, BatchSocket> = new Map();
  readonly #forwarder: Forwarder;
  readonly #counters: DriverCounters;
  /** Of the datagram in hand: it goes on with the bits that it came with. */
  #ecn = 0;

  constructor(forwarder: Forwarder, counters: DriverCounters) {
    this.#forwarder = forwarder;
    this.#counters = counters;
  }

  /** As `Forwarder.take`, of a datagram of a message that was just read. */
  take(now: number, port: PortId, { ecn, from, arena }: ReceiveBatch, start: number, end: number): boolean {
    this.#ecn = ecn;
    return this.#forwarder.take(now, port, from, arena.bytes, start, end, this);
  }

  pass(port: PortId, routes: Uint32Array, at: number, start: number, end: number): void {
    const open = this.ports.get(port);
    if (open === undefined) return this.#counters.drop("port-not-open");
    this.#counters.sent++;
    open.pass(this.#ecn, routes, at, start, end);
  }

  passBehind(port: PortId, routes: Uint32Array, at: number, head: number, start: number, end: number): void {
    const open = this.ports.get(port);
    if (open === undefined) return this.#counters.drop("port-not-open");
    this.#counters.sent++;
    open.passBehind(this.#ecn, routes, at, head, start, end);
  }
}
