import assert from "node:assert/strict";
import { test } from "node:test";
import { Guests } from "../../dist/core/guests.js";
import { Session } from "../../dist/core/session.js";
import { SessionTable } from "../../dist/core/session-table.js";
import { at, ownerWithoutSockets, testContext } from "./test-context.ts";
import { invite, keyPair } from "./trio.ts";

const index = 7;
const first = Uint8Array.of(1);
const second = Uint8Array.of(2);

test("a resume that was on its way for longer than the next one is late, the repeats and families of one Connect are not", () => {
  const { guests, guest } = oneGuest();
  assert.equal(guests.isOvertaken(guest, second, { index, counter: 12 }), false);
  guests.introduced(guest, second, relay(0x4002), false);
  assert.equal(guests.isOvertaken(guest, first, { index, counter: 10 }), true, "sealed before, and comes behind");
  assert.equal(guests.isOvertaken(guest, second, { index, counter: 11 }), false, "over the other family, or a repeat");
  assert.equal(guests.isOvertaken(guest, Uint8Array.of(3), { index, counter: 13 }), false);
});

test("a resume under other keys is told by its Connect alone, since counters begin anew", () => {
  const { guests, guest } = oneGuest();
  assert.equal(guests.isOvertaken(guest, first, { index, counter: 5000 }), false);
  guests.introduced(guest, first, relay(0x4001), false);
  assert.equal(guests.isOvertaken(guest, second, { index: index + 1, counter: 0 }), false);
  guests.introduced(guest, second, relay(0x4002), false);
  assert.equal(guests.isOvertaken(guest, first, { index, counter: 5001 }), true, "a Connect that was overtaken before");
});

function oneGuest(): { guests: Guests; guest: ReturnType<Guests["add"]> } {
  const context = testContext();
  const [host, client] = [keyPair(1), keyPair(2)];
  const guests = new Guests();
  const options = { id: 1, remoteKey: client.publicKey };
  const session = new Session(context, new SessionTable(context.random), ownerWithoutSockets(host), options, 0);
  return { guests, guest: guests.add(session, invite.id) };
}

function relay(channel: number): Parameters<Guests["introduced"]>[2] {
  return { kind: "relayed", port: 1, remote: at("192.0.2.1:48800"), channel };
}
