import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  ErrorCode,
  errorCodeOf,
  integrityMatches,
  MessageClass,
  Method,
  StunBuilder,
} from "@fractal-punch/wire";
import { connectPair, hostTicket, TestClient, TestHost } from "./test-peers.ts";
import {
  at,
  errorTo,
  load,
  only,
  type Sent,
  seededRandom,
  startSeconds,
  TestServer,
  yearSeconds,
} from "./test-server.ts";

test("a bare Register gets a nonce and the server's key, in no more bytes than it had", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const ask = host.askBytes();
  const [answer] = server.receive(host.address, ask);
  assert(answer && answer.bytes.length <= ask.length);
  assert.equal(errorCodeOf(load(answer.bytes)), ErrorCode.unauthenticated);
});

test("a host registers, and is told its mapped address, the LIFETIME, the time and the epoch", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const registered = host.registered(host.register());
  assert.deepEqual(registered.mapped, host.address);
  assert.equal(registered.lifetimeSeconds * 1000, defaultLimits.registrationLifeMs);
  assert.equal(registered.timeMs, server.epochMs);
  const [event] = server.takeEvents("registered");
  assert.deepEqual(event, { type: "registered", hostId: host.hostId, name: "desk", address: host.address });
  assert.equal(server.takeEvents("public-address").length, 1);
});

test("refreshes keep a registration, and without them it ends after registrationLifeMs", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register());
  for (let minute = 0; minute < 10; minute++) {
    server.pass(60_000);
    host.registered(host.refresh());
  }
  server.pass(defaultLimits.registrationLifeMs - 1);
  assert.equal(server.server.sizes.registrations, 1);
  server.pass(1);
  assert.equal(server.server.sizes.registrations, 0);
  assert.equal(server.server.sizes.tuples, 0);
  assert.deepEqual(
    server.takeEvents("registration-ended").map(({ cause }) => cause),
    ["lapsed"],
  );
  assert.equal(errorTo(host.refresh(), host.address), ErrorCode.unauthenticated);
});

test("hosts that lapse at the same moment do so in turns, which datagrams come between", () => {
  const server = new TestServer();
  const hosts = Array.from({ length: 1_500 }, (_, index) => {
    const host = new TestHost(server, at(`198.51.${index % 100}.7:${5000 + index}`), hostTicket(`desk-${index % 3}`));
    host.registered(host.register());
    return host;
  });
  const [first] = hosts;
  assert(first);
  server.now += defaultLimits.registrationLifeMs;
  server.server.wake(server.now, new Recorder());
  const left = server.server.sizes.registrations;
  assert(left > 0 && left < hosts.length && server.server.nextWake() <= server.now);
  assert.equal(errorTo(first.refresh(), first.address), ErrorCode.unauthenticated);
  server.pass(0);
  assert.equal(server.server.sizes.registrations, 0);
  assert.equal(server.takeEvents("registration-ended").length, left);
});

test("a host that leaves is not found any more, and says so only once", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register());
  const leaving = host.leaveBytes();
  assert.equal(host.registered(server.receive(host.address, leaving)).lifetimeSeconds, 0);
  assert.equal(server.server.sizes.registrations, 0);
  const ends = server.takeEvents("registration-ended");
  assert.deepEqual(
    ends.map(({ cause }) => cause),
    ["left"],
  );
  const client = new TestClient(server, host.clientTicket());
  assert.equal(errorTo(client.connect(), client.address), ErrorCode.hostNotRegistered);
  host.registered(host.register());
  assert.deepEqual(server.receive(host.address, leaving), []);
  assert.equal(server.server.sizes.registrations, 1);
});

test("a host that leaves keeps the channels that are in use", () => {
  const server = new TestServer();
  const { host } = connectPair(server);
  host.registered(server.receive(host.address, host.leaveBytes()));
  assert.equal(server.server.sizes.registrations, 1);
  assert.equal(server.server.sizes.channels, 1);
});

test("a refresh from another address gets 401, and a new proof from there moves the host", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register());
  const elsewhere = at("198.51.100.7:5001");
  assert.equal(errorTo(host.refresh(elsewhere), elsewhere), ErrorCode.unauthenticated);
  host.registered(host.register(elsewhere));
  assert.equal(server.server.sizes.tuples, 1);
  const client = new TestClient(server, host.clientTicket());
  assert.deepEqual(client.connected(client.connect()).hostAddresses, [elsewhere]);
});

test("a host is registered in both families under one instance", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const address6 = at("[2001:db8::7]:5000");
  host.registered(host.register());
  host.registered(host.register(address6), address6);
  assert.equal(server.server.sizes.registrations, 1);
  const client = new TestClient(server, host.clientTicket());
  assert.deepEqual(client.connected(client.connect()).hostAddresses, [at("198.51.100.7:5000"), address6]);
});

test("one family lapses alone", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const address6 = at("[2001:db8::7]:5000");
  host.registered(host.register(address6), address6);
  server.pass(60_000);
  host.registered(host.register(at("198.51.100.7:5000")));
  server.pass(defaultLimits.registrationLifeMs - 60_000);
  const client = new TestClient(server, host.clientTicket());
  assert.deepEqual(client.connected(client.connect()).hostAddresses, [host.address]);
  assert.equal(server.takeEvents("registration-ended").length, 0);
  assert.equal(server.server.sizes.tuples, 2, "the other family's, and the client's");
});

test("a repeat of the last Register is answered again, and prolongs nothing", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const { nonce, serverKey } = host.nonce();
  const bytes = host.registerBytes(nonce, serverKey);
  host.registered(server.receive(host.address, bytes));
  server.pass(100_000);
  host.registered(server.receive(host.address, bytes));
  server.pass(defaultLimits.registrationLifeMs - 100_000);
  assert.equal(server.server.sizes.registrations, 0);
});

test("a sequence number that has not grown is dropped: by refresh, and by proof from another address", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register());
  const old = host.refreshBytes();
  host.registered(host.refresh());
  assert.deepEqual(server.receive(host.address, old), []);
  const elsewhere = at("203.0.113.66:7000");
  const { nonce, serverKey } = host.nonce(elsewhere);
  host.sequence -= 2;
  assert.deepEqual(server.receive(elsewhere, host.registerBytes(nonce, serverKey)), []);
  assert.equal(server.server.counters.dropped.of("replay"), 2);
});

test("a refresh that is not signed with the registration key does nothing, even from the registered address", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register());
  const { key, sequence } = host;
  host.key = new Uint8Array(32).fill(1);
  host.sequence = 1000;
  server.pass(100_000);
  assert.equal(errorTo(host.refresh(), host.address), ErrorCode.unauthenticated);
  Object.assign(host, { key, sequence });
  host.registered(host.refresh());
});

test("a nonce is good for its address and port only, for nonceLifeMs", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const { nonce, serverKey } = host.nonce();
  for (const from of [at("198.51.100.7:5001"), at("198.51.100.8:5000"), at("[2001:db8::7]:5000")]) {
    const sent = server.receive(from, host.registerBytes(nonce, serverKey));
    assert.equal(errorTo(sent, from), ErrorCode.staleNonce);
    assert(load(only(sent, from)).has(Attribute.nonce) && load(only(sent, from)).has(Attribute.serverKey));
  }
  server.pass(defaultLimits.nonceLifeMs);
  host.registered(server.receive(host.address, host.registerBytes(nonce, serverKey)));
  server.pass(1000);
  const late = server.receive(host.address, host.registerBytes(nonce, serverKey));
  assert.equal(errorTo(late, host.address), ErrorCode.staleNonce);
  for (const forged of [nonce.slice(1), new Uint8Array(27).fill(0x41), Uint8Array.of()]) {
    const sent = server.receive(host.address, host.registerBytes(forged, serverKey));
    assert.equal(errorTo(sent, host.address), ErrorCode.staleNonce);
  }
});

test("a nonce of the process before is stale, so a Register recorded then cannot replace a host that has started anew", () => {
  const before = new TestServer();
  const host = new TestHost(before);
  const { nonce, serverKey } = host.nonce();
  const recorded = host.registerBytes(nonce, serverKey);
  host.registered(before.receive(host.address, recorded));
  const server = new TestServer({ random: seededRandom(2) });
  const restarted = host.restarted(host.address, server);
  restarted.registered(restarted.register());
  const sent = server.receive(host.address, recorded);
  assert.equal(errorTo(sent, host.address), ErrorCode.staleNonce);
  assert.deepEqual(server.takeEvents("registration-ended"), []);
  restarted.registered(restarted.refresh());
});

test("whoever has not the host's key cannot register it, and an all-zero result is refused", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const { nonce, serverKey } = host.nonce();
  const thief = new TestHost(server);
  const wrongDh = nodePrimitives.dh(thief.secretKey, serverKey);
  assert(wrongDh);
  const stolen = server.receive(host.address, host.registerBytes(nonce, serverKey, { dh: wrongDh }));
  assert.equal(errorTo(stolen, host.address), ErrorCode.badRequest);
  host.publicKey.fill(0);
  const zero = server.receive(host.address, host.registerBytes(nonce, serverKey, { dh: new Uint8Array(32) }));
  assert.equal(errorTo(zero, host.address), ErrorCode.badRequest);
  assert.equal(server.server.sizes.registrations, 0);
});

test("another instance replaces the older, which is told so under its own key at each address", () => {
  const server = new TestServer();
  const older = new TestHost(server);
  const address6 = at("[2001:db8::7]:5000");
  older.registered(older.register(address6), address6);
  older.registered(older.register(at("198.51.100.7:5000")));
  const newer = older.restarted(at("198.51.100.7:5005"));
  const sent = newer.register();
  newer.registered(sent);
  for (const address of [older.address, address6]) assert.equal(notice(sent, older, address), ErrorCode.replaced);
  assert.deepEqual(
    server.takeEvents("registration-ended").map(({ cause }) => cause),
    ["replaced"],
  );
  assert.equal(server.server.sizes.registrations, 1);
});

test("a replaced instance is refused with 466, so two with one key never fight", () => {
  const server = new TestServer();
  const older = new TestHost(server);
  older.registered(older.register());
  const newer = older.restarted(at("198.51.100.7:5005"));
  newer.registered(newer.register());
  assert.equal(errorTo(older.refresh(), older.address), ErrorCode.unauthenticated, "it missed the notice");
  const sent = older.register();
  assert.equal(errorTo(sent, older.address), ErrorCode.replaced);
  assert.equal(sent.length, 1);
  newer.registered(newer.refresh());
});

test("the last replacedInstances are remembered across restarts", () => {
  const server = new TestServer();
  const first = new TestHost(server);
  first.registered(first.register());
  let latest = first;
  for (let i = 0; i < defaultLimits.replacedInstances; i++) {
    latest = latest.restarted(at(`198.51.100.7:${5001 + i}`));
    latest.registered(latest.register());
  }
  assert.equal(errorTo(first.register(), first.address), ErrorCode.replaced);
});

test("the channels of a replaced instance end", () => {
  const server = new TestServer();
  const { host } = connectPair(server);
  const newer = host.restarted(at("198.51.100.7:5005"));
  newer.registered(newer.register());
  assert.equal(server.server.sizes.channels, 0);
});

test("the owner of the key may change its ticket, and invites follow the ticket", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register());
  const before = new TestClient(server, host.clientTicket());
  host.ticket = hostTicket("other");
  host.registered(host.register());
  assert.equal(errorTo(before.connect(), before.address), ErrorCode.hostNotRegistered);
  const after = new TestClient(server, host.clientTicket());
  after.connected(after.connect());
});

test("a recorded Register under an earlier ticket does not bring that ticket back", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const { nonce, serverKey } = host.nonce();
  const recorded = host.registerBytes(nonce, serverKey);
  host.registered(server.receive(host.address, recorded));
  host.ticket = hostTicket("other");
  host.registered(host.register());
  assert.deepEqual(server.receive(host.address, recorded), []);
  const client = new TestClient(server, host.clientTicket());
  client.connected(client.connect());
});

test("idsPerTicket bounds what one ticket may register, and ended ids do not count", () => {
  const server = new TestServer({ limits: { idsPerTicket: 2 } });
  const hosts = [1, 2, 3].map((i) => new TestHost(server, at(`198.51.100.${i}:5000`)));
  const [first, second, third] = hosts;
  assert(first && second && third);
  first.registered(first.register());
  second.registered(second.register());
  assert.equal(errorTo(third.register(), third.address), ErrorCode.limitReached);
  third.ticket = hostTicket("other");
  third.registered(third.register());
  server.pass(defaultLimits.registrationLifeMs - 10_000);
  second.registered(second.refresh());
  server.pass(20_000);
  const fourth = new TestHost(server, at("198.51.100.4:5000"));
  fourth.registered(fourth.register());
});

test("the table of registrations is full at its limit, with 508", () => {
  const server = new TestServer({ limits: { registrations: 1 } });
  const first = new TestHost(server, at("198.51.100.1:5000"));
  first.registered(first.register());
  const second = new TestHost(server, at("198.51.100.2:5000"));
  assert.equal(errorTo(second.register(), second.address), ErrorCode.serverFull);
  const restarted = first.restarted(at("198.51.100.1:5001"));
  restarted.registered(restarted.register());
});

test("a ticket's expiry ends the registration and its channels, with a notice", () => {
  const server = new TestServer();
  const host = new TestHost(server, at("198.51.100.7:5000"), hostTicket("desk", startSeconds + 100));
  host.registered(host.register());
  const client = new TestClient(server, host.clientTicket());
  client.open();
  const sent = server.pass(101_000);
  assert.equal(notice(sent, host), ErrorCode.ticketExpired);
  assert.deepEqual([server.server.sizes.registrations, server.server.sizes.channels], [0, 0]);
  assert.equal(errorTo(host.register(), host.address), ErrorCode.ticketExpired);
});

test("a clock that is set forward ends a ticket with the next refresh, missed or made", () => {
  for (const isMade of [false, true]) {
    const server = new TestServer();
    const host = new TestHost(server);
    host.registered(host.register());
    server.setClock(server.epochMs + (yearSeconds + 1) * 1000);
    if (isMade) host.registered(host.refresh());
    const sent = server.pass(isMade ? 0 : defaultLimits.registrationLifeMs);
    assert.equal(notice(sent, host), ErrorCode.ticketExpired);
  }
});

test("a Register without a host id gets 400, one with a proof but no nonce 401, one with a bad fingerprint nothing", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const builder = new StunBuilder().begin(MessageClass.request, Method.register, server.transactionId());
  const bare = builder.pad(200, 8).fingerprint().bytes();
  assert.equal(errorTo(server.receive(host.address, bare), host.address), ErrorCode.badRequest);
  builder.begin(MessageClass.request, Method.register, server.transactionId());
  builder.attribute(Attribute.hostId, host.publicKey).attribute(Attribute.hostProof, new Uint8Array(32));
  const withoutNonce = builder.pad(200, 8).fingerprint().bytes();
  assert.equal(errorTo(server.receive(host.address, withoutNonce), host.address), ErrorCode.unauthenticated);
  const bytes = host.askBytes();
  bytes.set([0x7f, 0x00], 20);
  assert.deepEqual(server.receive(host.address, bytes), []);
  assert.equal(server.server.counters.dropped.of("bad-fingerprint"), 1);
});

test("Register is served on the main port only", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  assert.deepEqual(server.receive(host.address, host.askBytes(), 2), []);
  assert.equal(server.server.counters.dropped.of("wrong-port"), 1);
});

/** The ERROR-CODE of the notice to that address, its signature checked. */
function notice(sent: readonly Sent[], host: TestHost, to = host.address): number | undefined {
  const message = load(only(sent, to));
  assert.equal(message.messageClass, MessageClass.indication);
  assert.equal(message.method, Method.register);
  assert(integrityMatches(nodePrimitives, host.key, message), "signed with the registration key");
  return errorCodeOf(message);
}
