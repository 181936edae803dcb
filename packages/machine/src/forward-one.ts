import { type Address } from "./address.ts";
import { addressFromWords, addressWords, writeAddressWords } from "./address-words.ts";
import type { ForwardOutbox } from "./forwarder.ts";
import type { Machine, Outbox, PortId, SendOptions } from "./machine.ts";

const from = new Uint32Array(addressWords);

/**
 * Offers one datagram to a machine's forwarding plane, for hosts that have it as a machine does, with what leaves in an
 * outbox; false when there is none, or it leaves it to the machine. `bytes` stay as they are.
 */
export function forwardOne<Command, Event>(
  machine: Machine<Command, Event>,
  now: number,
  port: PortId,
  source: Address,
  bytes: Uint8Array,
  out: Outbox<Event>,
): boolean {
  if (machine.forwarder === undefined) return false;
  writeAddressWords(from, 0, source);
  const memory = bytes.slice();
  return machine.forwarder.take(now, port, from, memory, 0, memory.length, forwardOutbox(memory, out));
}

function forwardOutbox<Event>(memory: Uint8Array, out: Outbox<Event>): ForwardOutbox {
  const send = (port: PortId, routes: Uint32Array, at: number, bytes: Uint8Array): void =>
    out.send(port, addressFromWords(routes, at), bytes, localOf(routes, at + addressWords));
  return {
    pass: (port, routes, at, start, end) => send(port, routes, at, memory.subarray(start, end)),
    passBehind(port, routes, at, head, start, end) {
      const bytes = new Uint8Array(4 + end - start);
      new DataView(bytes.buffer).setUint32(0, head);
      bytes.set(memory.subarray(start, end), 4);
      send(port, routes, at, bytes);
    },
  };
}

function localOf(routes: Uint32Array, at: number): SendOptions | undefined {
  return routes[at] === 0 ? undefined : { local: addressFromWords(routes, at) };
}
