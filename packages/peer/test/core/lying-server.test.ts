/** A server that means ill: it knows who connects to whom, and must not be able to aim a peer's datagrams at others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, sameAddress, sameIp } from "@fractal-punch/machine";
import {
  asciiBytes,
  decodeConnected,
  encodeConnected,
  MessageClass,
  Method,
  StunBuilder,
  StunMessage,
} from "@fractal-punch/wire";
import type { Datagram } from "./small-net.ts";
import { at, primitives } from "./test-context.ts";
import { Trio } from "./trio.ts";

test("a client sends to one host address of each family, however many the server names", () => {
  const trio = new Trio().begin();
  const victims = Array.from({ length: 20 }, (_, index) => at(`198.18.0.${index + 1}:5000`));
  const client = trio.connect();
  trio.net.loses = (datagram) => {
    const lie = sameAddress(datagram.to, client.address) && renamed(trio, datagram, victims);
    if (lie) client.receive({ ...datagram, bytes: lie });
    return Boolean(lie);
  };
  trio.net.run(5000);
  const reached = victims.filter((victim) => trio.net.log.some(({ to }) => sameIp(to, victim)));
  assert.deepEqual(reached, victims.slice(0, 1));
});

/** The server's answer to a Connect, with other host addresses in it. */
function renamed(trio: Trio, { bytes }: Datagram, hostAddresses: readonly Address[]): Uint8Array | undefined {
  const message = new StunMessage();
  if (message.load(bytes) !== undefined) return undefined;
  if (message.method !== Method.connect || message.messageClass !== MessageClass.success) return undefined;
  const connected = decodeConnected(message);
  assert(connected);
  const signature = { macs: primitives, key: asciiBytes(trio.clientTicket.password) };
  const id = message.transactionId.slice();
  return encodeConnected(new StunBuilder(), id, { ...connected, hostAddresses }, signature).slice();
}
