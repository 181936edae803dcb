import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, sameAddress } from "@fractal-punch/machine";
import { asciiText, fingerprintOf, Method, PacketType, StunMessage, writeU32 } from "@fractal-punch/wire";
import type { Datagram } from "./small-net.ts";
import { at } from "./test-context.ts";
import { all, only, serverAddress, Trio } from "./trio.ts";

const third = at("198.18.0.1:5000");

test("a client and a host exchange datagrams, relayed and direct, each once", () => {
  const trio = new Trio().begin();
  const client = trio.connected();
  const { session } = only(trio.host, "session");
  client.command({ type: "send", session: 1, data: Uint8Array.of(1) });
  trio.net.run(200);
  client.command({ type: "send", session: 1, data: Uint8Array.of(2) });
  trio.host.command({ type: "send", session, data: Uint8Array.of(3) });
  trio.net.run(200);
  assert.deepEqual(
    all(trio.host, "data").map(({ data }) => [...data]),
    [[1], [2]],
  );
  assert.deepEqual([...only(client, "data").data], [3]);
  assert.equal(only(client, "data").via, "direct");
});

test("a client whose address nobody has proven gets at most three datagrams straight", () => {
  const trio = new Trio().begin();
  // Nothing reaches it, so it repeats its Connect and returns no nonce, as who forges another's address would.
  trio.net.loses = ({ to }) => to.port === 40_001 && !sameAddress(to, trio.host.address);
  const { address } = trio.connect();
  trio.net.runUntil(() => all(trio.host, "session").length > 0);
  const { session } = only(trio.host, "session");
  for (let i = 0; i < 20; i++) {
    trio.host.command({ type: "send", session, data: Uint8Array.of(i) });
    trio.net.run(500);
  }
  const straight = trio.net.log.filter(
    ({ from, to }) => sameAddress(from, trio.host.address) && sameAddress(to, address),
  );
  assert.equal(straight.length, 3);
});

test("a repeated Connect is answered with the same second message, and makes no second session", () => {
  const trio = new Trio().begin();
  trio.net.loses = ({ to }) => to.port === 40_001 && !sameAddress(to, trio.host.address);
  trio.connect();
  trio.net.run(2000);
  const seconds = trio.net.log.filter(({ from, bytes }) => sameAddress(from, trio.host.address) && isSecond(bytes));
  assert(seconds.length > 1);
  assert.equal(new Set(seconds.map(({ bytes }) => asciiText(bytes))).size, 1);
  only(trio.host, "session");
});

test("a knock that is replayed from elsewhere is answered three times there, and from 64 addresses", () => {
  const trio = new Trio().begin();
  const client = trio.connected();
  const knock = knocks(trio, client.address)[0];
  assert(knock);
  const answersTo = (from: Address): number => {
    const before = trio.net.log.length;
    for (let i = 0; i < 10; i++) trio.host.receive({ ...knock, from });
    return trio.net.log.slice(before).filter(({ to, bytes }) => sameAddress(to, from) && isSecond(bytes)).length;
  };
  assert.equal(answersTo(third), 3);
  assert.equal(answersTo(third), 0);
  trio.net.run(5000);
  const sent = trio.net.log.filter(({ to }) => sameAddress(to, third));
  assert.equal(sent.length, 3, "and nothing but the answers goes there");
  const answered = Array.from({ length: 100 }, (_, index) => answersTo({ ...third, port: 6000 + index }));
  assert(answered.every((count) => count === 3 || count === 0));
  assert(answered.filter((count) => count > 0).length <= 64);
});

test("a knock with another tag, proof or role is not answered", () => {
  const trio = new Trio().begin();
  const client = trio.connected();
  const knock = knocks(trio, client.address)[0];
  assert(knock);
  trio.net.run(1000);
  const before = trio.net.log.length;
  for (let bit = 0; bit < 8 * knock.bytes.length; bit++) {
    const position = bit >> 3;
    const bytes = knock.bytes.with(position, (knock.bytes[position] ?? 0) ^ (1 << (bit & 7)));
    trio.host.receive({ ...knock, from: third, bytes });
  }
  assert.equal(trio.net.log.length, before);
});

test("a sealed packet that is replayed from elsewhere draws nothing there", () => {
  const trio = new Trio().begin();
  const client = trio.connected();
  trio.net.run(500);
  const packets = trio.net.log.filter(
    ({ from, to }) => sameAddress(from, client.address) && sameAddress(to, trio.host.address),
  );
  assert(packets.length > 3);
  const before = trio.net.log.length;
  for (const packet of packets.filter(({ bytes }) => bytes[0] === PacketType.sealed)) {
    trio.host.receive({ ...packet, from: third });
  }
  assert.equal(trio.net.log.length, before);
});

test("an Introduce comes from the server or not at all: a copy that was altered, or from elsewhere, does nothing", () => {
  const trio = new Trio().begin();
  trio.connected();
  const introduces = trio.net.log.filter(({ to, bytes }) => sameAddress(to, trio.host.address) && isIntroduce(bytes));
  assert(introduces.length > 0);
  trio.net.run(3000);
  const before = trio.net.log.length;
  for (const { to, bytes } of introduces) {
    trio.host.receive({ from: third, to, bytes });
    for (let position = 20; position < bytes.length - 8; position++) {
      const altered = bytes.with(position, (bytes[position] ?? 0) ^ 0x10);
      writeU32(altered, bytes.length - 4, fingerprintOf(altered, bytes.length - 8));
      trio.host.receive({ from: serverAddress, to, bytes: altered });
    }
  }
  assert.equal(trio.net.log.length, before);
  only(trio.host, "session");
});

test("early data sealed before the host was started comes again as data", () => {
  const trio = new Trio({ earlyData: true });
  trio.server.command({ type: "start" });
  const client = trio.connect({ earlyData: "hello" });
  trio.net.run(3000);
  trio.host.command({ type: "start" });
  trio.net.runUntil(() => all(trio.host, "data").length > 0);
  trio.net.run(1000);
  const { data, early } = only(trio.host, "data");
  assert.deepEqual([asciiText(data), early], ["hello", false]);
  assert.equal(only(client, "connected").earlyDataTaken, false);
});

test("early data is given to the application once, however often the Connect is repeated", () => {
  const trio = new Trio({ earlyData: true }).begin();
  trio.net.loses = ({ from }) => sameAddress(from, trio.host.address);
  const client = trio.connect({ earlyData: "hello" });
  trio.net.run(2000);
  trio.net.loses = () => false;
  trio.net.runUntil(() => all(client, "connected").length > 0);
  trio.net.run(1000);
  const { data, early } = only(trio.host, "data");
  assert.deepEqual([asciiText(data), early], ["hello", true]);
});

test("revoking an invite ends the sessions that came with it, and no other", () => {
  const other = { id: new Uint8Array(8).fill(7), secret: new Uint8Array(32).fill(8) };
  const standing = { id: new Uint8Array(8).fill(1), secret: new Uint8Array(32).fill(2) };
  const trio = new Trio({ invites: [standing, other] }).begin();
  const first = trio.connected({ ip: "203.0.113.9" });
  const second = trio.connected({ ip: "203.0.113.10", invite: other });
  trio.host.command({ type: "invites", invites: [{ ...standing, revoked: true }, other] });
  trio.net.run(1000);
  assert.deepEqual([only(first, "closed").reason, only(first, "closed").byPeer], ["revoked", true]);
  assert.equal(all(second, "closed").length, 0);
});

test("a stopped host says goodbye to every client, and is silent from then on", () => {
  const trio = new Trio().begin();
  const clients = ["203.0.113.9", "203.0.113.10"].map((ip) => trio.connected({ ip }));
  trio.net.run(1000);
  trio.host.command({ type: "stop" });
  assert.equal(trio.host.openPorts, 0);
  trio.net.run(1000);
  for (const client of clients) assert.equal(only(client, "closed").reason, "shutting-down");
  const before = trio.net.log.length;
  trio.net.run(1_200_000);
  assert.equal(trio.net.log.length, before);
});

function knocks(trio: Trio, from: Address): Datagram[] {
  return trio.net.log.filter((datagram) => sameAddress(datagram.from, from) && datagram.bytes[0] === PacketType.knock);
}

function isIntroduce(bytes: Uint8Array): boolean {
  const message = new StunMessage();
  return message.load(bytes) === undefined && message.method === Method.introduce;
}

function isSecond(bytes: Uint8Array): boolean {
  return bytes[0] === PacketType.second;
}
