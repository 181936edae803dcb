import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "@fractal-punch/server/core";
import { Attribute, ErrorCode, u64Of } from "@fractal-punch/wire";
import { connectPair, introducePair, TestClient, TestHost } from "./test-peers.ts";
import { at, errorTo, load, only, seededRandom, startSeconds, TestServer } from "./test-server.ts";

test("one Connect tells both peers of each other at the same moment", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register());
  const client = new TestClient(server, host.clientTicket());
  const sent = client.connect();
  assert.equal(sent.length, 2);
  const connected = client.connected(sent);
  assert.deepEqual(connected.mapped, client.address);
  assert.deepEqual(connected.hostAddresses, [host.address]);
  assert.equal(connected.proven, false);
  const introduction = host.introduction(sent);
  assert.deepEqual(introduction.client, client.address);
  assert.equal(introduction.proven, false);
  assert.deepEqual(introduction.approach, client.approach, "unread");
  assert.deepEqual(load(only(sent, host.address)).transactionId, client.transactionId);
  const [event] = server.takeEvents("introduced");
  assert.equal(event?.clientUsername, client.ticket.username);
});

test("a resume is forwarded like a first message", () => {
  const server = new TestServer();
  const { host } = introducePair(server);
  const client = new TestClient(server, host.clientTicket(), at("192.0.2.10:6000"));
  const approach = { kind: "resume", packet: new Uint8Array(60).fill(3) } as const;
  assert.deepEqual(host.introduction(client.connect({ approach })).approach, approach);
});

test("the answer to a Connect has at most 200 bytes, with both families and PROVEN", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register(at("[2001:db8::7]:5000")));
  host.registered(host.register(at("198.51.100.7:5000")));
  const client = new TestClient(server, host.clientTicket(), at("[2001:db8::9]:6000"));
  const { nonce } = client.connected(client.connect());
  const proved = client.prove(nonce);
  const connected = client.connected(proved);
  assert.equal(connected.hostAddresses.length, 2);
  assert.equal(connected.proven, true);
  assert(only(proved, client.address).length <= 200);
  assert(only(proved, client.address).length <= client.connectBytes({ nonce, approach: undefined }).length);
});

test("a repeat from the same 5-tuple sends both messages again, with the same channels", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel } = introducePair(server);
  server.pass(2000);
  const sent = client.connect();
  assert.equal(sent.length, 2);
  assert.equal(client.connected(sent).channel, clientChannel);
  assert.equal(host.introduction(sent).channel, hostChannel);
  assert.deepEqual(host.introduction(sent).approach, client.approach);
  assert.equal(server.server.sizes.introductions, 1);
  assert.equal(server.takeEvents("introduced").length, 1);
});

test("a repeat after the unproven channel has ended binds another", () => {
  const server = new TestServer();
  const { client } = introducePair(server);
  server.pass(defaultLimits.unprovenChannelLifeMs);
  assert.equal(server.server.sizes.channels, 0);
  client.connected(client.connect());
  assert.equal(server.server.sizes.channels, 1);
});

test("the same transaction id from another 5-tuple of the family is a replay: dropped", () => {
  const server = new TestServer();
  const { client } = introducePair(server);
  for (const text of ["192.0.2.9:6001", "203.0.113.66:6000"]) assert.deepEqual(client.connect({}, at(text)), []);
  assert.equal(server.server.counters.dropped.of("replay"), 2);
});

test("another of the server's addresses is another 5-tuple", () => {
  const local = [at("203.0.113.1:0"), at("203.0.113.2:0")];
  const server = new TestServer({
    ports: local.map((address) => ({ family: 4, port: 48_800, local: address, main: true })),
  });
  const { client } = introducePair(server);
  assert.deepEqual(server.receive(client.address, client.connectBytes(), 1), []);
  assert.equal(server.server.counters.dropped.of("replay"), 1);
});

test("the same transaction id under another ticket is another introduction", () => {
  const server = new TestServer();
  const { host, client } = introducePair(server);
  const other = new TestClient(server, host.clientTicket(startSeconds + 1000), at("192.0.2.10:6000"));
  other.connected(other.connect({ transactionId: client.transactionId }));
  assert.equal(server.server.sizes.introductions, 2);
});

test("a client that repeats its Connect keeps its channel while it does", () => {
  const server = new TestServer();
  const { client, clientChannel } = introducePair(server);
  for (let i = 0; i < 10; i++) {
    server.pass(2000);
    assert.equal(client.connected(client.connect()).channel, clientChannel);
  }
});

test("a repeat whose host has lapsed in the meantime gets 465", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register());
  server.pass(defaultLimits.registrationLifeMs - 1000);
  const client = new TestClient(server, host.clientTicket());
  client.open();
  server.pass(1000);
  assert.equal(server.server.sizes.channels, 1);
  assert.equal(errorTo(client.connect(), client.address), ErrorCode.hostNotRegistered);
});

test("Connect goes out on both families under one transaction id: one record, a channel each", () => {
  const server = new TestServer();
  const { host, client } = introducePair(server);
  const address6 = at("[2001:db8::9]:6000");
  const sent = client.connect({}, address6);
  client.connected(sent, address6);
  assert.deepEqual(host.introduction(sent).client, address6, "told over the host's only family");
  assert.deepEqual([server.server.sizes.introductions, server.server.sizes.channels], [1, 2]);
  assert.deepEqual(client.connect({}, at("[2001:db8::9]:6001")), []);
});

test("a client and a host of the same families are joined within each family", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const address6 = at("[2001:db8::7]:5000");
  host.registered(host.register(at("198.51.100.7:5000")));
  host.registered(host.register(address6), address6);
  const client = new TestClient(server, host.clientTicket());
  assert.equal(client.connect().filter(({ port }) => port === 0).length, 2);
  assert.equal(client.connect({}, at("[2001:db8::9]:6000")).filter(({ port }) => port === 1).length, 2);
});

test("a returned nonce proves the address, tells the host, and may be repeated", () => {
  const server = new TestServer();
  const { host, client, nonce, hostChannel } = introducePair(server);
  for (let i = 0; i < 2; i++) {
    const sent = client.prove(nonce);
    assert.equal(client.connected(sent).proven, true);
    const { approach, ...introduction } = host.introduction(sent);
    assert.equal(approach, undefined);
    assert.deepEqual(introduction, { client: client.address, channel: hostChannel, proven: true });
  }
  const repeated = client.connect();
  assert.equal(client.connected(repeated).proven, true);
  assert.equal(host.introduction(repeated).proven, true);
});

test("a nonce may come with the first Connect", () => {
  const server = new TestServer();
  const { host, nonce } = introducePair(server);
  const client = new TestClient(server, host.clientTicket());
  const sent = client.connect({ nonce });
  assert.equal(client.connected(sent).proven, true);
  assert.equal(host.introduction(sent).proven, true);
});

test("a nonce of another address, or one that is too old, gets 438 and a new one", () => {
  const server = new TestServer();
  const { host, nonce } = introducePair(server);
  const other = new TestClient(server, host.clientTicket(), at("192.0.2.9:6001"));
  const sent = other.connect({ nonce });
  assert.equal(errorTo(sent, other.address), ErrorCode.staleNonce);
  const fresh = load(only(sent, other.address)).value(Attribute.nonce)?.slice();
  assert(fresh);
  assert.equal(sent.length, 1, "nobody is introduced");
  assert(!load(only(sent, other.address)).has(Attribute.serverKey), "which only a Register gets");
  assert.equal(other.connected(other.connect({ nonce: fresh })).proven, true);
  server.pass(defaultLimits.nonceLifeMs + 1000);
  host.registered(host.register());
  const late = new TestClient(server, host.clientTicket(), at("192.0.2.9:6001"));
  assert.equal(errorTo(late.connect({ nonce: fresh }), late.address), ErrorCode.staleNonce);
});

test("a nonce of the process before gets 438 and a new one", () => {
  const { client: old, nonce } = introducePair(new TestServer());
  const server = new TestServer({ random: seededRandom(2) });
  const { host } = introducePair(server);
  const client = new TestClient(server, host.clientTicket(), old.address);
  const sent = client.connect({ nonce });
  assert.equal(errorTo(sent, client.address), ErrorCode.staleNonce);
  const fresh = load(only(sent, client.address)).value(Attribute.nonce)?.slice();
  assert.equal(client.connected(client.connect({ nonce: fresh })).proven, true);
});

test("a nonce without an introduction is no introduction", () => {
  const server = new TestServer();
  const { host, nonce, client: other } = introducePair(server);
  const client = new TestClient(server, host.clientTicket(), other.address);
  assert.equal(errorTo(client.prove(nonce), client.address), ErrorCode.badRequest);
  assert.equal(server.server.sizes.introductions, 1);
});

test("TIME that is timeWindowMs off gets 464 and the server's time, and then works with the offset", () => {
  const server = new TestServer();
  const { host } = introducePair(server);
  for (const offMs of [-3_600_000, -defaultLimits.timeWindowMs, defaultLimits.timeWindowMs, 3_600_000]) {
    const client = new TestClient(server, host.clientTicket(), at("192.0.2.9:6001"));
    const sent = client.connect({ timeMs: server.epochMs + offMs });
    assert.equal(errorTo(sent, client.address), ErrorCode.timeOff);
    const timeMs = u64Of(load(only(sent, client.address)), Attribute.time);
    assert.equal(timeMs, server.epochMs);
    client.connected(client.connect({ timeMs }));
  }
});

test("a record outlives the time for which its Connect would pass, so a replay never finds it gone", () => {
  const server = new TestServer();
  const { host } = introducePair(server);
  const client = new TestClient(server, host.clientTicket(), at("192.0.2.9:6001"));
  const bytes = client.connectBytes({ timeMs: server.epochMs + defaultLimits.timeWindowMs - 1 });
  client.connected(server.receive(client.address, bytes));
  const thief = at("203.0.113.66:6000");
  for (let ms = 0; ms < defaultLimits.introductionLifeMs; ms += 1000) {
    assert.deepEqual(server.receive(thief, bytes), [], `after ${ms} ms`);
    server.pass(1000);
    host.refresh();
  }
  assert.equal(errorTo(server.receive(thief, bytes), thief), ErrorCode.timeOff);
  assert.equal(server.server.sizes.introductions, 0);
});

test("a host that is not registered, or has lapsed, gets 465, signed", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const client = new TestClient(server, host.clientTicket());
  const sent = client.connect();
  assert.equal(errorTo(sent, client.address), ErrorCode.hostNotRegistered);
  assert(load(only(sent, client.address)).has(Attribute.messageIntegritySha256));
  host.registered(host.register());
  client.connected(client.connect());
  server.pass(defaultLimits.registrationLifeMs);
  const later = new TestClient(server, host.clientTicket());
  assert.equal(errorTo(later.connect(), later.address), ErrorCode.hostNotRegistered);
});

test("clientIntroductionRate holds one ticket, hostIntroductionRate all of a host's, and repeats are free", () => {
  const server = new TestServer({
    limits: { clientIntroductionRate: { perSecond: 10, burst: 3 }, hostIntroductionRate: { perSecond: 50, burst: 5 } },
  });
  const { host, client } = introducePair(server);
  const introduce = (expirySeconds: number, port: number): number | undefined => {
    const other = new TestClient(server, host.clientTicket(expirySeconds), at(`192.0.2.9:${port}`));
    return errorTo(other.connect(), other.address);
  };
  const later = server.epochMs / 1000 + 1000;
  assert.deepEqual(
    [1, 2, 3, 4].map((i) => introduce(later, 7000 + i)),
    [undefined, undefined, undefined, 486],
  );
  assert.deepEqual(
    [1, 2].map((i) => introduce(later + 1, 8000 + i)),
    [undefined, 486],
    "the host's own limit",
  );
  client.connected(client.connect());
  server.pass(100);
  assert.equal(introduce(later, 9000), undefined);
});

test("connectRate holds the repeats under one ticket: beyond it they are dropped", () => {
  const server = new TestServer({ limits: { connectRate: { perSecond: 10, burst: 5 } } });
  const { client } = introducePair(server);
  const answered = Array.from({ length: 10 }, () => client.connect().length);
  assert.deepEqual(answered, [2, 2, 2, 2, 0, 0, 0, 0, 0, 0]);
  server.pass(100);
  assert.equal(client.connect().length, 2);
});

test("channelsPerTuple bounds a host's introductions with 486, up to all 4,096 numbers", () => {
  const rates = { perSecond: 1e6, burst: 1e6 };
  const limits = { clientIntroductionRate: rates, hostIntroductionRate: rates, connectRate: rates };
  const server = new TestServer({ limits });
  const host = new TestHost(server);
  host.registered(host.register());
  const numbers = new Set<number>();
  const connect = (i: number): TestClient =>
    new TestClient(server, host.clientTicket(), at(`192.0.2.${i % 250}:${6000 + i}`));
  for (let i = 0; i < defaultLimits.channelsPerTuple; i++) numbers.add(host.introduction(connect(i).connect()).channel);
  assert.equal(numbers.size, 4096);
  assert.deepEqual([Math.min(...numbers), Math.max(...numbers)], [0x4000, 0x4fff]);
  const client = connect(4096);
  assert.equal(errorTo(client.connect(), client.address), ErrorCode.limitReached);
  assert.equal(server.server.sizes.tuples, 4097);
});

test("channel numbers are random among the free", () => {
  const server = new TestServer();
  const numbers = Array.from({ length: 8 }, (_, i) => {
    const { clientChannel, hostChannel } = introducePair(server, {
      host: `198.51.100.${i}:5000`,
      client: `192.0.2.${i}:6000`,
    });
    return [clientChannel, hostChannel];
  }).flat();
  assert(new Set(numbers).size > 12);
  assert(numbers.every((number) => number >= 0x4000 && number <= 0x4fff));
});

test("full tables refuse with 508, and what exists goes on", () => {
  for (const limits of [{ introductions: 1 }, { channels: 1 }]) {
    const server = new TestServer({ limits });
    const { host, client, nonce } = introducePair(server);
    const other = new TestClient(server, host.clientTicket(), at("192.0.2.10:6000"));
    assert.equal(errorTo(other.connect(), other.address), ErrorCode.serverFull);
    assert.equal(client.connected(client.prove(nonce)).proven, true);
  }
});

test("a Connect too short to be answered in fewer bytes introduces nobody", () => {
  const server = new TestServer();
  const { host } = connectPair(server);
  const client = new TestClient(server, host.clientTicket(), at("192.0.2.10:6000"));
  assert.deepEqual(server.receive(client.address, client.shortConnectBytes()), []);
  assert.equal(server.server.counters.dropped.of("answer-too-large"), 1);
  assert.equal(server.server.sizes.introductions, 1);
});
