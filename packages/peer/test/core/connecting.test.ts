import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { Client, type PeerEvent } from "@fractal-punch/peer/core";
import {
  Attribute,
  ErrorCode,
  errorCodeOf,
  fingerprintOf,
  MessageClass,
  Method,
  StunMessage,
  writeU32,
} from "@fractal-punch/wire";
import { type Datagram, epochMs, SmallNet } from "./small-net.ts";
import { at, can, primitives, seededRandom } from "./test-context.ts";
import { all, invite, keyPair, only, serverAddress, Trio } from "./trio.ts";

test("a Connect that nothing answers is repeated after 75 ms, doubling up to 400 ms, and given up after 10 s", () => {
  const trio = new Trio();
  const client = trio.connect();
  const start = trio.net.now;
  trio.net.run(20_000);
  assert.deepEqual(
    connects(trio.net).map(({ sentAtMs }) => sentAtMs - start),
    [0, 75, 225, ...Array.from({ length: 24 }, (_, index) => 525 + 400 * index)],
  );
  assert.deepEqual(only(client, "failed").failure, { kind: "server-unreachable" });
  assert.equal(client.nextWake(), Infinity);
  assert.equal(client.openPorts, 0);
});

test("all repeats have one transaction id and one first message, and 1,200 bytes", () => {
  const trio = new Trio();
  trio.connect();
  trio.net.run(2400);
  const messages = connects(trio.net).map(({ bytes }) => load(bytes));
  assert(messages.length > 3);
  assert.equal(new Set(messages.map(({ transactionId }) => hex(transactionId))).size, 1);
  assert.equal(new Set(messages.map((message) => hex(message.value(Attribute.firstMessage)))).size, 1);
  for (const { bytes } of messages) assert.equal(bytes.length, 1200);
});

test("what the server has not answered for 2.5 s goes on under another transaction id, with the same first message", () => {
  const trio = new Trio();
  trio.connect();
  trio.net.run(3000);
  const messages = connects(trio.net).map(({ bytes }) => load(bytes));
  assert.equal(new Set(messages.map(({ transactionId }) => hex(transactionId))).size, 2);
  assert.equal(new Set(messages.map((message) => hex(message.value(Attribute.firstMessage)))).size, 1);
});

test("where the server has both families, one Connect goes out on each under one transaction id", () => {
  const net = new SmallNet();
  const out: Datagram[] = [];
  const { clientTicket, hostKeys } = new Trio();
  const client = new Client({
    primitives,
    random: seededRandom(1),
    keyPair: keyPair(4),
    invite: { hostKey: hostKeys.publicKey, ...invite },
    ticket: clientTicket,
    servers: [serverAddress, at("[2001:db8::1]:48800")],
    secondPort: 3478,
    can,
  });
  const node = net.add<never, PeerEvent>("203.0.113.9", client);
  client.command(
    net.now,
    { type: "start" },
    {
      send: () => assert.fail("not before the sockets are open"),
      forward: () => assert.fail(),
      openPort: () => undefined,
      closePort: () => undefined,
      closeStream: () => undefined,
      holdStream: () => undefined,
      emit: () => undefined,
    },
  );
  const record = {
    send: (_port: number, to: Datagram["to"], bytes: Uint8Array) => {
      out.push({ sentAtMs: net.now, from: to, to, bytes: bytes.slice() });
    },
    forward: () => assert.fail(),
    openPort: () => undefined,
    closePort: () => undefined,
    closeStream: () => undefined,
    holdStream: () => undefined,
    emit: () => undefined,
  };
  client.command(net.now, { type: "port-opened", port: 1, local: at("0.0.0.0:40001") }, record);
  assert.equal(out.length, 0, "it waits for both, since both make candidates");
  client.command(net.now, { type: "port-opened", port: 2, local: at("[::]:40002") }, record);
  const sent = out.filter(({ bytes }) => load(bytes).method === Method.connect);
  assert.deepEqual(
    sent.map(({ to }) => addressText(to)),
    ["192.0.2.1:48800", "[2001:db8::1]:48800"],
  );
  assert.equal(new Set(sent.map(({ bytes }) => hex(load(bytes).transactionId))).size, 1);
  assert.equal(node.openPorts, 0);
});

test("Connect is repeated until the host has answered, not only until the server has", () => {
  const trio = new Trio().begin();
  trio.net.loses = ({ to }) => addressText(to) === addressText(trio.host.address);
  const client = trio.connect();
  const start = trio.net.now;
  trio.net.run(400);
  assert.equal(all(client, "connected").length, 0);
  trio.net.loses = () => false;
  trio.net.runUntil(() => all(client, "connected").length > 0);
  const sent = connects(trio.net).filter(({ sentAtMs, bytes }) => sentAtMs >= start && bytes.length === 1200);
  trio.net.run(10_000);
  const later = connects(trio.net).filter(({ sentAtMs, bytes }) => sentAtMs >= start && bytes.length === 1200);
  assert.deepEqual(
    sent.map(({ sentAtMs }) => sentAtMs - start),
    [0, 75, 225, 525],
    "the nonce that goes back meanwhile does not put it off",
  );
  assert.equal(later.length, sent.length);
});

test("a host that does not answer is told apart from a server that does not", () => {
  const trio = new Trio().begin();
  trio.net.loses = ({ to }) => addressText(to) === addressText(trio.host.address);
  const client = trio.connect();
  trio.net.run(10_000);
  assert.deepEqual(only(client, "failed").failure, { kind: "host-silent" });
  assert.equal(only(client, "closed").byPeer, false);
});

test("a success that is not signed with the ticket is no success, though its transaction id is right", () => {
  const trio = new Trio().begin();
  trio.net.loses = ({ bytes }) => isSuccess(bytes);
  const client = trio.connect();
  trio.net.run(30);
  const success = trio.net.log.find(({ bytes }) => isSuccess(bytes));
  assert(success);
  const before = trio.net.log.length;
  for (let position = 20; position < success.bytes.length - 8; position++) {
    const altered = success.bytes.with(position, (success.bytes[position] ?? 0) ^ 1);
    writeU32(altered, altered.length - 4, fingerprintOf(altered, altered.length - 8));
    client.receive({ ...success, bytes: altered });
  }
  assert.equal(trio.net.log.length, before);
  client.receive(success);
  assert(trio.net.log.length > before, "upon the true one it probes the host and returns the nonce");
});

test("the nonce is returned as soon as it came, again and again until the server says that it was taken", () => {
  const trio = new Trio().begin();
  const start = trio.net.now;
  // What the server says of the nonce is lost three times.
  let lost = 0;
  trio.net.loses = ({ bytes }) => isProven(bytes) && lost++ < 3;
  trio.connected();
  trio.net.run(5000);
  const returned = connects(trio.net).filter(({ sentAtMs, bytes }) => sentAtMs >= start && bytes.length < 300);
  assert.equal(returned[0]?.sentAtMs, start + 20, "one round trip after the Connect");
  assert.equal(returned.length, 4);
  for (const { bytes } of returned) assert(bytes.length <= 236 && load(bytes).has(Attribute.nonce));
});

test("a nonce that the server never takes is returned eight times and no more", () => {
  const trio = new Trio().begin();
  const start = trio.net.now;
  trio.net.loses = ({ bytes }) => isProven(bytes);
  trio.connected();
  trio.net.run(60_000);
  const returned = connects(trio.net).filter(({ sentAtMs, bytes }) => sentAtMs >= start && bytes.length < 300);
  assert.equal(returned.length, 8);
});

for (const [name, clockOffsetMs] of [
  ["an hour behind", -3_600_000],
  ["a day ahead", 86_400_000],
] as const) {
  test(`a client whose clock is ${name} connects by the server's time`, () => {
    const trio = new Trio().begin();
    const client = trio.connect({ clockOffsetMs });
    trio.net.runUntil(() => all(client, "connected").length > 0, 1000);
    const times = connects(trio.net).map(({ bytes }) => load(bytes).value(Attribute.time));
    assert.notDeepEqual(times[0], times[1]);
  });
}

test("far from the server, refusals of repeats that went out before the right request do no harm", () => {
  // The answer takes longer than the repeats at 75 and 225 ms: each of the three is refused.
  for (const [access, clockOffsetMs, code] of [
    ["tickets", 3_600_000, ErrorCode.timeOff],
    ["open", 0, ErrorCode.unauthenticated],
  ] as const) {
    const trio = new Trio({ access, delayMs: 150 }).begin();
    const client = trio.connect({ clockOffsetMs });
    trio.net.runUntil(() => all(client, "connected").length > 0, 3000);
    assert.equal(connectRefusals(trio.net).filter((refused) => refused === code).length, 3);
  }
});

test("a host that is not registered is asked for during ten seconds, and found when it comes", () => {
  const absent = new Trio();
  absent.server.command({ type: "start" });
  const client = absent.connect();
  absent.net.run(11_000);
  assert.deepEqual(only(client, "failed").failure, { kind: "refused", code: ErrorCode.hostNotRegistered });

  const late = new Trio();
  late.server.command({ type: "start" });
  const waiting = late.connect();
  late.net.run(4000);
  late.host.command({ type: "start" });
  late.net.runUntil(() => all(waiting, "connected").length > 0, 4000);
});

test("a refusal that no repeat can change ends the attempt at once", () => {
  const trio = new Trio().begin();
  const start = trio.net.now;
  const ticket = { username: trio.clientTicket.username, password: "A".repeat(43) };
  const client = trio.connect({ ticket });
  trio.net.run(1000);
  assert.deepEqual(only(client, "failed").failure, { kind: "refused", code: ErrorCode.ticketWrong });
  assert.equal(connects(trio.net).filter(({ sentAtMs }) => sentAtMs >= start).length, 1);
});

test("what the host refuses comes sealed from the host, with the reason", () => {
  const [unknown, revoked, ended] = [5, 6, 7].map((seed) => ({ ...invite, id: new Uint8Array(8).fill(seed) }));
  assert(unknown && revoked && ended);
  const invites = [invite, { ...revoked, revoked: true }, { ...ended, expiresAtMs: epochMs - 1000 }];
  const trio = new Trio({ invites }).begin();
  const falsified = { ...invite, secret: new Uint8Array(32).fill(9) };
  for (const [given, refusal] of [
    [unknown, "unknown-invite"],
    [falsified, "unknown-invite"],
    [revoked, "invite-ended"],
    [ended, "invite-ended"],
  ] as const) {
    const client = trio.connect({ invite: given, ip: `203.0.113.${trio.net.log.length % 200}` });
    trio.net.run(1000);
    assert.deepEqual(only(client, "failed").failure, { kind: "host-refused", refusal });
  }
  assert.equal(all(trio.host, "session").length, 0);
});

test("stopping a client in the middle of its attempt leaves nothing to wake it", () => {
  const trio = new Trio().begin();
  for (let ms = 0; ms < 60; ms += 5) {
    const client = trio.connect({ ip: `203.0.113.${10 + ms}` });
    trio.net.run(ms);
    client.command({ type: "stop" });
    assert.equal(client.nextWake(), Infinity, `after ${ms} ms`);
    assert.equal(client.openPorts, 0);
    only(client, "closed");
  }
});

function connects(net: SmallNet): Datagram[] {
  return net.log.filter(({ bytes }) => {
    const message = new StunMessage();
    if (message.load(bytes) !== undefined) return false;
    return message.method === Method.connect && message.messageClass === MessageClass.request;
  });
}

/** The codes with which the server refused Connects. */
function connectRefusals(net: SmallNet): (number | undefined)[] {
  return net.log.flatMap(({ bytes }) => {
    const message = new StunMessage();
    const isRefusal = message.load(bytes) === undefined && message.messageClass === MessageClass.error;
    return isRefusal && message.method === Method.connect ? [errorCodeOf(message)] : [];
  });
}

function isSuccess(bytes: Uint8Array): boolean {
  const message = new StunMessage();
  if (message.load(bytes) !== undefined || message.messageClass !== MessageClass.success) return false;
  return message.method === Method.connect;
}

function isProven(bytes: Uint8Array): boolean {
  return isSuccess(bytes) && load(bytes).has(Attribute.proven);
}

function load(bytes: Uint8Array): StunMessage {
  const message = new StunMessage();
  assert.equal(message.load(bytes), undefined);
  return message;
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? new Uint8Array(0)).toString("hex");
}
