import { type Address } from "./address.ts";
import { addressFromWords, addressWords, writeAddressWords } from "./address-words.ts";
import type { ForwardOutbox } from "./forwarder.ts";
import type { DatagramInfo, Machine, Outbox, PortId, SendOptions } from "./machine.ts";

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
  info: DatagramInfo,
  out: Outbox<Event>,
): boolean {
  if (machine.forwarder === undefined) return false;
  writeAddressWords(from, 0, source);
  const memory = bytes.slice();
  return machine.forwarder.take(now, port, from, memory, 0, memory.length, forwardOutbox(memory, info.ecn ?? 0, out));
}

function forwardOutbox<Event>(memory: Uint8Array, ecn: number, out: Outbox<Event>): ForwardOutbox {
  const send = (port: PortId, routes: Uint32Array, at: number, bytes: Uint8Array): void =>
    out.send(port, addressFromWords(routes, at), bytes, optionsOf(routes, at + addressWords, ecn));
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

function optionsOf(routes: Uint32Array, at: number, ecn: number): SendOptions | undefined {
  const local = routes[at] === 0 ? undefined : addressFromWords(routes, at);
  return local === undefined && ecn === 0 ? undefined : { ...(local && { local }), ...(ecn !== 0 && { ecn }) };
}
