import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "@fractal-punch/server/core";
import { datagramsOf } from "./test-datagrams.ts";
import { channelData, connectPair, TestClient, TestHost } from "./test-peers.ts";
import { at, TestServer } from "./test-server.ts";

const kinds = 11;

test("a flood from ever new prefixes keeps every table within its maximum, and sessions work on", () => {
  const buckets = 500;
  const server = new TestServer({ limits: { buckets } });
  const pair = connectPair(server);
  const datagrams = Object.entries(datagramsOf(server, pair))
    .filter(([name]) => name !== "connect")
    .map(([, bytes]) => bytes);
  for (let i = 0; i < 20_000; i++) {
    server.receive(
      at(`${1 + (i % 100)}.${i % 251}.${i % 241}.7:6000`),
      datagrams[i % datagrams.length] ?? assert.fail(),
    );
    if (i % 100 === 0) server.pass(1);
  }
  const { buckets: entries, ...sizes } = server.server.sizes;
  assert(entries > buckets && entries <= kinds * buckets, `${entries} buckets`);
  assert.deepEqual(sizes, {
    registrations: 1,
    introductions: 1,
    channels: 1,
    rules: 2,
    cells: 2,
    tuples: 2,
    tickets: 2,
    revocations: 0,
    accounts: 0,
    streams: 0,
    classic: 0,
    allocations: 0,
    connections: 0,
  });
  const { host, client, clientChannel } = pair;
  host.registered(host.refresh());
  assert.equal(server.receive(client.address, channelData(clientChannel)).length, 1);
  const newcomer = new TestClient(server, host.clientTicket(), at("192.0.2.77:6000"));
  assert(
    someSucceeds(() => newcomer.connect().length === 2),
    "a valid ticket gets through",
  );
  server.pass(10_000);
  for (const bytes of datagrams) server.receive(at("192.0.2.1:6000"), bytes);
  assert(server.server.sizes.buckets < 20, "the flood's buckets go away");
});

test("unauthenticatedRate holds a prefix, yet one request in eight gets its MAC checked", () => {
  const server = new TestServer();
  const { host } = connectPair(server);
  const forged = new TestClient(server, { ...host.clientTicket(), password: "A".repeat(43) }, at("203.0.113.66:6000"));
  const { burst } = defaultLimits.unauthenticatedRate;
  const answered = (count: number): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += forged.connect().length;
    return sum;
  };
  assert.equal(answered(burst), burst);
  assert.equal(answered(800), 100);
  assert.equal(server.server.counters.dropped.of("prefix-rate"), 700);
  const neighbour = new TestClient(server, host.clientTicket(), at("203.0.113.99:6000"));
  assert(
    someSucceeds(() => neighbour.connect().length === 2),
    "its neighbour with a good ticket",
  );
});

test("a known host and a proven client pass an overfull prefix at once", () => {
  const server = new TestServer();
  const { host, client } = connectPair(server, { host: "203.0.113.1:5000", client: "203.0.113.2:6000" });
  const stranger = new TestHost(server, at("203.0.113.66:5000"));
  for (let i = 0; i < 1000; i++) server.receive(stranger.address, stranger.askBytes());
  for (let i = 0; i < 20; i++) {
    host.registered(host.refresh());
    client.connected(client.connect());
  }
});

test("valid tickets pay nothing into their prefix's bucket", () => {
  const server = new TestServer({ limits: { unauthenticatedRate: { perSecond: 0.01, burst: 2 } } });
  const host = new TestHost(server);
  host.registered(host.register());
  for (let i = 0; i < 10; i++) {
    const client = new TestClient(server, host.clientTicket(), at(`192.0.2.9:${6000 + i}`));
    client.connected(client.connect());
  }
});

test("what a known 5-tuple or a ticket at its limit is refused does not count against its prefix", () => {
  const server = new TestServer({
    limits: {
      unauthenticatedRate: { perSecond: 0.01, burst: 3 },
      clientIntroductionRate: { perSecond: 0.01, burst: 1 },
    },
  });
  const { host } = connectPair(server, { host: "203.0.113.1:5000", client: "192.0.2.9:6000" });
  const { key } = host;
  host.key = new Uint8Array(32);
  for (let i = 0; i < 20; i++) assert.equal(host.refresh().length, 1);
  host.key = key;
  for (let i = 0; i < 20; i++) {
    const client = new TestClient(server, host.clientTicket(), at(`203.0.113.2:${6000 + i}`));
    assert.equal(client.connect().length, 1);
  }
  const stranger = new TestHost(server, at("203.0.113.3:5000"));
  assert.equal(server.receive(stranger.address, stranger.askBytes()).length, 1);
});

test("registerRate holds the proofs under one ticket, and no refresh", () => {
  const server = new TestServer({ limits: { registerRate: { perSecond: 1, burst: 2 } } });
  const hosts = [1, 2, 3].map((i) => new TestHost(server, at(`198.51.100.${i}:5000`)));
  assert.deepEqual(
    hosts.map((host) => host.register().length),
    [1, 1, 0],
  );
  for (const host of hosts.slice(0, 2)) for (let i = 0; i < 10; i++) host.registered(host.refresh());
  server.pass(1000);
  assert.equal(hosts[2]?.register().length, 1);
});

test("a flood of valid Connects from spoofed addresses costs at most the rates times the lifetimes", () => {
  const server = new TestServer();
  const { host } = connectPair(server);
  let refused = 0;
  for (let ms = 0; ms < 20_000; ms += 5) {
    server.pass(5);
    const client = new TestClient(server, host.clientTicket(), at(`203.${ms % 250}.113.66:${6000 + ms}`));
    if (client.connect().length === 1) refused++;
  }
  const { clientIntroductionRate, unprovenChannelLifeMs } = defaultLimits;
  const { perSecond, burst } = clientIntroductionRate;
  assert(refused > 0);
  assert(server.server.sizes.channels <= perSecond * (unprovenChannelLifeMs / 1000) + 2);
  assert(server.server.sizes.introductions <= perSecond * 20 + burst + 1);
  server.pass(defaultLimits.introductionLifeMs);
  const { channels, introductions, tuples, registrations } = server.server.sizes;
  assert.deepEqual(
    { channels, introductions, tuples, registrations },
    { channels: 0, introductions: 0, tuples: 1, registrations: 1 },
  );
});

/** Within as many tries as a peer makes in its first seconds. */
function someSucceeds(attempt: () => boolean): boolean {
  for (let i = 0; i < 16; i++) if (attempt()) return true;
  return false;
}
