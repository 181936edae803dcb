import type { PortId } from "./machine.ts";

/**
 * The forwarding plane of a machine: a driver that moves datagrams in batches offers each to it first. It decides nothing,
 * keeps to what the machine has written down, and allocates nothing.
 */
export interface Forwarder {
  /**
   * Relays the datagram, which is `memory` from `start` to `end`, or leaves it to the machine as it is and gives false.
   * `from` is its sender in address words, `now` as in `Machine.receive`.
   */
  take(
    now: number,
    port: PortId,
    from: Uint32Array,
    memory: Uint8Array,
    start: number,
    end: number,
    out: ForwardOutbox,
  ): boolean;
}

/**
 * Where relayed datagrams go. A route is ten words at `at`: the address words of the destination, then those of the local
 * address to send from, of which the first is 0 where that is the system's choice. The memory belongs to the driver again
 * when `take` has returned, and stays as it is until the datagram has left.
 */
export interface ForwardOutbox {
  /** Sends `memory` from `start` to `end`. */
  pass(port: PortId, routes: Uint32Array, at: number, start: number, end: number): void;
  /** The same behind four bytes, `head`, in network order. */
  passBehind(port: PortId, routes: Uint32Array, at: number, head: number, start: number, end: number): void;
}

export const routeWords = 10;
