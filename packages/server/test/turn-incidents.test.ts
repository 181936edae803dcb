/** The incidents of other projects that concern a TURN server, each as a test that tries to repeat it. */
import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { test } from "node:test";
import { defaultLimits } from "@fractal-punch/server/core";
import {
  Attribute,
  errorCodeOf,
  MessageClass,
  Method,
  StunBuilder,
  Transport,
  xorAddresses,
} from "@fractal-punch/wire";
import { at, load, only } from "./test-server.ts";
import { minted, relayIp, TurnClient, TurnServer, turnOptions } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const peer = at("198.51.100.9:7000");
const spoofed = at("203.0.113.66:53");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("CVE-2026-30784: no TURN message of a spoofed source brings a third address anything", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  client.relayed();
  client.bind(0x4001, peer);
  for (const method of [Method.allocate, Method.refresh, Method.createPermission, Method.channelBind]) {
    for (const { to } of server.receive(spoofed, client.request(method))) assert.deepEqual(to, spoofed);
  }
  assert.deepEqual(new TurnClient(server, spoofed).send(peer, data), []);
  for (const { to } of new TurnClient(server, spoofed).channelData(0x4001, data)) assert.deepEqual(to, spoofed);
  assert.equal(server.server.sizes.allocations, 1);
});

for (const [incident, texts] of [
  ["CVE-2020-26262", ["0.0.0.0:80", "[::]:80", "[::1]:80"]],
  ["CVE-2026-27624", ["[::127.0.0.1]:80", "[64:ff9b::127.0.0.1]:80", "[2002:7f00:1::]:80", "[2001:0:7f00:1::]:80"]],
  ["coturn#1946, #1947", ["192.0.2.1:48800", "192.0.2.1:5432", "[fe80::1]:80", "[fd00::1]:80", "169.254.169.254:80"]],
] as const) {
  test(`${incident}: ${texts.join(", ")} are reached by no request, indication or channel`, () => {
    const server = new TurnServer();
    for (const text of texts) {
      const target = at(text);
      const client = new TurnClient(server, at(`203.0.113.7:${5000 + server.relays.size}`));
      client.allocate((builder) => target.family === 6 && builder.u32(Attribute.requestedAddressFamily, 0x0200_0000));
      const isOwn = target.ip === relayIp.ip;
      assert.equal(client.permit(target), isOwn ? undefined : 403, text);
      assert.equal(client.bind(0x4001, target), isOwn ? undefined : 403, text);
      assert.deepEqual(client.send(target, data), [], text);
      assert.deepEqual(client.channelData(0x4001, data), [], text);
    }
  });
}

test("RFC 8656 section 21.4: nobody allocates from a tunnel's address, or moves to one: what goes there may come back", () => {
  for (const text of ["[2001:0:7f00:1::]:80", "[2002:7f00:1::]:80", "[::203.0.113.7]:80", "[64:ff9b:1::1]:80"]) {
    const server = new TurnServer();
    const client = new TurnClient(server, at(text));
    assert.equal(errorCodeOf(client.allocate()), 403, text);
    assert.equal(server.server.sizes.tuples, 0);
    const elsewhere = new TurnClient(server, home);
    const mobility = elsewhere.allocate((builder) => builder.attribute(Attribute.mobilityTicket, new Uint8Array(0)));
    const ticket = mobility.value(Attribute.mobilityTicket)?.slice() ?? data;
    const moved = client.ask(Method.refresh, (builder) => builder.attribute(Attribute.mobilityTicket, ticket));
    assert.equal(errorCodeOf(moved), 403, text);
  }
});

test("coturn#1946: the addresses of the server's interfaces are refused with 403, loopback's among them", () => {
  const server = new TurnServer();
  const own = ["127.0.0.1:0", "10.0.0.5:0", "9.9.9.9:0"].map(at);
  server.tell({ type: "public-addresses", addresses: [relayIp], own: [relayIp, ...own] });
  const client = new TurnClient(server, home);
  client.relayed();
  for (const address of own) {
    assert.equal(client.permit(address), 403);
    assert.equal(client.bind(0x4001, { ...address, port: 22 }), 403);
  }
});

test("CVE-2026-27624: a peer in IPv4-mapped form is taken for no address at all", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  client.allocate((builder) => builder.u32(Attribute.requestedAddressFamily, 0x0200_0000));
  const id = new Uint8Array(12);
  const cookie = [0x21, 0x12, 0xa4, 0x42];
  const ip = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1].map((byte, i) => byte ^ (cookie[i] ?? 0));
  const mapped = Uint8Array.of(0, 2, 0x21, 0x42, ...ip);
  for (const method of [Method.createPermission, Method.channelBind]) {
    const write = (builder: StunBuilder) => builder.channel(0x4001).attribute(Attribute.xorPeerAddress, mapped);
    assert.equal(errorCodeOf(client.ask(method, write, id)), 400);
  }
  const builder = new StunBuilder().begin(MessageClass.indication, Method.send, id);
  builder.attribute(Attribute.xorPeerAddress, mapped).attribute(Attribute.data, data);
  assert.deepEqual(server.receive(home, builder.bytes()), []);
});

test("Slack's TURN SSRF, and pion/turn's default: without lists of the operator no private network is reached", () => {
  const server = new TurnServer({ turn: { ...turnOptions, allow: [], deny: [] } });
  const client = new TurnClient(server, home);
  client.relayed();
  for (const ip of ["10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "127.0.0.1", "169.254.1.1"]) {
    for (const port of [22, 80, 6379]) assert.equal(client.permit(at(`${ip}:${port}`)), 403, ip);
  }
  assert.equal(client.permit(at("9.9.9.9:53")), undefined);
});

test("CVE-2025-69217: relay ports are drawn from the whole range, and none tells the next", () => {
  const random = { fill: (bytes: Uint8Array) => void randomFillSync(bytes) };
  const server = new TurnServer({ random, limits: { unauthenticatedRate: { perSecond: 1e6, burst: 1e6 } } });
  const ports = Array.from({ length: 2000 }, (_, i) => {
    const client = new TurnClient(server, at(`203.0.${i >> 8}.${i & 0xff}:5000`));
    const { port } = client.relayed();
    client.refresh(0);
    return port - turnOptions.relayPorts.first;
  });
  const tenths = (of: readonly number[]): number[] =>
    Array.from({ length: 10 }, (_, tenth) => of.filter((one) => Math.floor(one / 100) === tenth).length);
  const steps = ports.slice(1).map((port, i) => (port - (ports[i] ?? 0) + 1000) % 1000);
  // 200 are expected in each, with a deviation of 13: eight of those come once in 10^15.
  for (const count of [...tenths(ports), ...tenths(steps)]) assert(count > 95 && count < 305, `${count} of 200`);
});

test("coturn's nonce memory (#1999): ten thousand spoofed Allocates leave no state but their prefixes' buckets", () => {
  const server = new TurnServer();
  for (let i = 0; i < 10_000; i++) {
    const client = new TurnClient(server, at(`203.${i % 50}.113.${i % 250}:${1024 + i}`));
    server.receive(client.address, i % 2 === 0 ? bareAllocate(client) : client.request(Method.allocate));
  }
  const { buckets, ...sizes } = server.server.sizes;
  assert.equal(buckets, 50);
  for (const [table, size] of Object.entries(sizes)) assert.equal(size, 0, table);
  assert.deepEqual([server.server.nextWake(), server.relays.size], [Infinity, 0]);
});

test("CVE-2026-40613: TURN messages that begin at an odd address are read as all others", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  client.relayed();
  const request = client.request(Method.refresh);
  for (const offset of [1, 2, 3, 5, 7]) {
    const bytes = new Uint8Array(request.length + offset);
    bytes.set(request, offset);
    assert.equal(errorCodeOf(load(only(server.receive(home, bytes.subarray(offset)), home))), undefined);
  }
});

test("CVE-2026-43994: the MAC is checked before what it protects: a wrong one is 401 whatever else is wrong", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home, { ...minted("bob"), password: "wrong" });
  const write = (builder: StunBuilder) =>
    builder.attribute(Attribute.lifetime, data).attribute(Attribute.xorPeerAddress, data).u32(0x7fff, 1);
  for (const method of [Method.allocate, Method.refresh, Method.createPermission, Method.channelBind])
    assert.equal(errorCodeOf(client.ask(method, write)), 401);
});

test("iroh 1.1.0: an Allocate of nothing but empty attributes is given up after 32", () => {
  const server = new TurnServer();
  const builder = new StunBuilder().begin(MessageClass.request, Method.allocate, server.transactionId());
  for (let i = 0; i < 300; i++) builder.attribute(Attribute.software, new Uint8Array(0));
  assert.deepEqual(server.receive(spoofed, builder.bytes()), []);
  assert.equal(server.server.counters.dropped.of("too-many-attributes"), 1);
});

test("401 reflection (coturn PR 1588, netbird#3900): a prefix gets 200 challenges at once, then few, and a client gets in", () => {
  const server = new TurnServer();
  const { burst, perSecond } = defaultLimits.unauthenticatedRate;
  const flood = (count: number): number => {
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const victim = new TurnClient(server, at(`203.0.113.66:${1000 + i}`));
      for (const answer of server.receive(victim.address, bareAllocate(victim))) bytes += answer.bytes.length;
    }
    return bytes;
  };
  const questionBytes = bareAllocate(new TurnClient(server, spoofed)).length;
  assert(flood(burst) <= 6 * burst * questionBytes);
  assert(flood(8000) <= 8000 * questionBytes, "what is beyond the rate brings less than it costs");
  const client = new TurnClient(server, at("203.0.113.67:5000"));
  const tries = Array.from({ length: 100 }, () => server.receive(client.address, bareAllocate(client)).length);
  assert(tries.includes(1), "a neighbour is challenged");
  server.pass(1000);
  assert(flood(1000) <= 6 * (perSecond + 1000 / 8) * questionBytes);
  assert(new TurnClient(server, at("198.51.100.7:5000")).relayed(), "another prefix is not concerned");
});

test("401 reflection: in the name of a client that has an allocation nobody gets more challenges, and it goes on", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  client.relayed();
  const question = bareAllocate(client);
  let answerBytes = 0;
  for (let i = 0; i < 8000; i++) for (const { bytes } of server.receive(home, question)) answerBytes += bytes.length;
  assert(answerBytes < 8000 * question.length, `${answerBytes} bytes for ${8000 * question.length}`);
  assert.equal(errorCodeOf(client.refresh()), undefined);
});

test("Ghost Calls, Backdoor.Turn: a name's bytes are counted once, over all its allocations, and end", () => {
  const server = new TurnServer({ limits: { relayBytes: 10_000 } });
  const bob = minted("bob");
  const relayedBytes = (address: string): number => {
    const client = new TurnClient(server, at(address), bob);
    const relayed = client.relayed();
    client.permit(peer);
    let bytes = 0;
    for (let i = 0; i < 30; i++) {
      for (const sent of client.send(peer, new Uint8Array(100))) bytes += sent.bytes.length;
      bytes += 100 * server.fromPeer(peer, relayed, new Uint8Array(100)).length;
    }
    client.refresh(0);
    return bytes;
  };
  assert.deepEqual(["203.0.113.7:1", "203.0.113.8:1", "203.0.113.9:1"].map(relayedBytes), [6000, 4000, 0]);
  assert.equal(new TurnClient(server, home, minted("carol")).permit(peer), 437, "others are not concerned");
});

test("coturn#666: ten thousand usernames make no word that is counted", () => {
  const rate = { perSecond: 1e6, burst: 1e6 };
  const server = new TurnServer({ limits: { unauthenticatedRate: rate } });
  for (let i = 0; i < 10_000; i++) {
    const client = new TurnClient(server, home, { username: `1900000000:${i}`, password: "x" });
    server.receive(home, client.request(Method.allocate));
  }
  const { served, dropped, refused, reports } = server.server.counters;
  assert([served, dropped, refused, reports].flatMap((tally) => [...tally.entries()]).length < 10);
});

test("hyperdht PR 292, #291: ten thousand Allocates whose ports do not open leave nothing", () => {
  const rate = { perSecond: 1e6, burst: 1e6 };
  const server = new TurnServer({ limits: { unauthenticatedRate: rate, relayBytes: 1e9 } });
  server.failure = () => "EMFILE";
  const client = new TurnClient(server, home);
  for (let i = 0; i < 10_000; i++) client.allocate();
  server.failure = ({ family }) => (family === 6 ? "EADDRINUSE" : undefined);
  const answer = client.allocate((builder) => builder.u32(Attribute.additionalAddressFamily, 0x0200_0000));
  assert.equal(xorAddresses(answer, Attribute.xorRelayedAddress).length, 1);
  client.refresh(0);
  const { allocations, tuples, accounts } = server.server.sizes;
  assert.deepEqual([allocations, tuples, accounts, server.relays.size], [0, 0, 1, 0]);
});

function bareAllocate(client: TurnClient): Uint8Array {
  const builder = new StunBuilder().begin(MessageClass.request, Method.allocate, client.transactionId());
  return builder
    .u32(Attribute.requestedTransport, Transport.udp * 0x100_0000)
    .bytes()
    .slice();
}
