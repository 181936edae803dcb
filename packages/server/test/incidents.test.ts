/** The incidents of other projects that concern a rendezvous server, each as a test that tries to repeat it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText, prefixKey } from "@fractal-punch/machine";
import { revocationHash } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  ErrorCode,
  encodeRegisterAsk,
  MessageClass,
  Method,
  StunBuilder,
  writeU16,
} from "@fractal-punch/wire";
import { datagramsOf, mended } from "./test-datagrams.ts";
import { channelData, connectPair, hostTicket, TestClient, TestHost } from "./test-peers.ts";
import { at, errorTo, only, secret, TestServer } from "./test-server.ts";

const builder = new StunBuilder();

test("CVE-2026-30784, rustdesk-server#670: nothing that a spoofed source sends makes the server speak to a third address", () => {
  const server = new TestServer();
  const pair = connectPair(server);
  const known = [pair.host.address, pair.client.address].map(addressText);
  for (const bytes of Object.values(datagramsOf(server, pair))) {
    const spoofed = at("203.0.113.66:53");
    for (const { to } of server.receive(spoofed, bytes)) {
      assert([...known, addressText(spoofed)].includes(addressText(to)), addressText(to));
    }
  }
});

test("rustdesk-server PR 642: every path refuses without a credential, and leaves nothing behind", () => {
  const server = new TestServer({ secret: secret.replace("0", "1") });
  const foreign = new TestServer();
  const pair = connectPair(foreign);
  for (const [name, bytes] of Object.entries(datagramsOf(foreign, pair))) {
    const sent = server.receive(at("203.0.113.66:6000"), bytes);
    assert(sent.length <= 1, name);
  }
  const { buckets: _, ...sizes } = server.server.sizes;
  for (const [table, size] of Object.entries(sizes)) assert.equal(size, 0, table);
  assert.deepEqual(server.events, []);
});

test("RustDesk's registry: a neighbour behind the same NAT cannot move or evict a host", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel } = connectPair(server);
  const neighbour = at(`${addressText(host.address).split(":")[0]}:5001`);
  const thief = new TestHost(server, neighbour, hostTicket("thief"));
  for (const bytes of [host.refreshBytes(), host.refreshBytes()]) {
    assert.equal(errorTo(server.receive(neighbour, bytes), neighbour), ErrorCode.unauthenticated);
  }
  const { nonce, serverKey } = thief.nonce();
  thief.publicKey.set(host.publicKey);
  assert.equal(
    errorTo(server.receive(neighbour, thief.registerBytes(nonce, serverKey)), neighbour),
    ErrorCode.badRequest,
  );
  const replayed = host.nonce();
  const recorded = host.registerBytes(replayed.nonce, replayed.serverKey);
  host.registered(server.receive(host.address, recorded));
  assert.equal(errorTo(server.receive(neighbour, recorded), neighbour), ErrorCode.staleNonce);
  host.registered(host.refresh());
  assert.deepEqual(server.receive(host.address, recorded), [], "nor with the host's address forged");
  const relayed = server.receive(client.address, channelData(clientChannel));
  assert.deepEqual(only(relayed, host.address), channelData(hostChannel));
});

test("a recorded Register of a host's last run does not evict its present one", () => {
  const server = new TestServer();
  const before = new TestHost(server);
  const { nonce, serverKey } = before.nonce();
  const recorded = before.registerBytes(nonce, serverKey);
  before.registered(server.receive(before.address, recorded));
  const now = before.restarted(at("198.51.100.7:5005"));
  now.registered(now.register());
  assert.equal(errorTo(server.receive(before.address, recorded), before.address), ErrorCode.replaced);
  now.registered(now.refresh());
});

test("Slack's TURN SSRF, and pion/turn's default: a session's relay has no address to ask for", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel } = connectPair(server);
  const inside = at("10.0.0.1:22");
  const createPermission = 0x008;
  const channelBind = 0x009;
  for (const method of [createPermission, channelBind]) {
    builder.begin(MessageClass.request, method, server.transactionId()).channel(clientChannel);
    const bytes = builder.xorAddress(Attribute.xorPeerAddress, inside).fingerprint().bytes();
    assert.deepEqual(server.receive(client.address, bytes), []);
  }
  for (const from of [client.address, host.address]) {
    for (const number of [clientChannel, hostChannel, 0x4000, 0x4fff, 0x5000]) {
      for (const { to } of server.receive(from, channelData(number))) {
        assert([host.address, client.address].some((known) => addressText(known) === addressText(to)));
      }
    }
  }
});

test("coturn's nonce memory (#1999): ten thousand spoofed Registers leave no state but their prefixes' buckets", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  const ask = encodeRegisterAsk(builder, server.transactionId(), host.publicKey).slice();
  const prefixes = new Set<unknown>();
  for (let i = 0; i < 10_000; i++) {
    const from = at(`203.${i % 50}.113.${i % 250}:${1024 + i}`);
    prefixes.add(prefixKey(from, 24));
    server.receive(from, ask);
  }
  const { buckets, ...sizes } = server.server.sizes;
  assert.equal(buckets, prefixes.size);
  for (const [table, size] of Object.entries(sizes)) assert.equal(size, 0, table);
  assert.equal(server.server.nextWake(), Infinity);
});

test("CVE-2026-40613, iroh-relay before 1.0.2: lengths that are odd or lie are only counted", () => {
  const server = new TestServer();
  const pair = connectPair(server);
  for (const bytes of Object.values(datagramsOf(server, pair))) {
    for (const length of [0, 1, 3, 0xff, 0xffff]) {
      const lying = bytes.slice();
      writeU16(lying, 2, length);
      server.receive(pair.client.address, lying);
      writeU16(lying, 22, length);
      server.receive(pair.client.address, mended(lying));
      server.receive(pair.client.address, bytes.subarray(1));
    }
  }
  assert(server.server.counters.dropped.of("bad-length") > 0);
  assert(server.server.counters.dropped.of("bad-attribute") > 0);
});

test("iroh 1.1.0: a datagram of nothing but empty attributes is given up after 32", () => {
  const server = new TestServer();
  builder.begin(MessageClass.request, Method.connect, server.transactionId());
  for (let i = 0; i < 300; i++) builder.attribute(Attribute.software, new Uint8Array(0));
  assert.deepEqual(server.receive(at("203.0.113.66:6000"), builder.bytes()), []);
  assert.equal(server.server.counters.dropped.of("too-many-attributes"), 1);
});

test("CVE-2026-43994: the MAC is checked before what it protects is looked at", () => {
  const server = new TestServer();
  const { client } = connectPair(server);
  builder
    .begin(MessageClass.request, Method.connect, client.transactionId)
    .text(Attribute.username, client.ticket.username);
  builder.attribute(Attribute.time, Uint8Array.of(1)).attribute(Attribute.nonce, new Uint8Array(500));
  const bytes = builder.integrity({ hmacSha1: wrong, hmacSha256: wrong }, new Uint8Array(43)).fingerprint().bytes();
  const from = at("203.0.113.66:6000");
  assert.equal(errorTo(server.receive(from, bytes), from), ErrorCode.ticketWrong);
});

test("401 reflection (coturn PR 1588, netbird#3900): no answer but Binding's is larger than its question", () => {
  const server = new TestServer();
  const pair = connectPair(server);
  const factors: string[] = [];
  for (const from of [at("203.0.113.66:53"), at("[2001:db8::66]:53"), pair.host.address, pair.client.address]) {
    for (const [name, bytes] of Object.entries(datagramsOf(server, pair))) {
      const answers = server.receive(from, bytes).filter(({ to }) => addressText(to) === addressText(from));
      const sum = answers.reduce((total, answer) => total + answer.bytes.length, 0);
      if (sum > bytes.length) factors.push(name);
    }
  }
  assert.deepEqual([...new Set(factors)], ["binding"]);
});

test("Ghost Calls, Backdoor.Turn: a relay's credential reaches one host, and ends with its revocation", () => {
  const server = new TestServer();
  const { host } = connectPair(server);
  const elsewhere = new TestHost(server, at("198.51.100.8:5000"));
  elsewhere.registered(elsewhere.register());
  const client = new TestClient(server, host.clientTicket(), at("192.0.2.10:6000"));
  const { channel } = client.open();
  const relayed = server.receive(client.address, channelData(channel));
  assert.deepEqual(
    relayed.map(({ to }) => to),
    [host.address],
  );
  server.revoke(revocationHash(nodePrimitives, secret, client.ticket.username));
  const after = server.receive(client.address, channelData(channel));
  assert.deepEqual(
    after.map(({ to }) => to),
    [client.address],
    "only the hint that there is no such channel",
  );
});

test("coturn#666: ten thousand usernames make no name that is counted", () => {
  const server = new TestServer({ limits: { unauthenticatedRate: { perSecond: 1e6, burst: 1e6 } } });
  const { host } = connectPair(server);
  for (let i = 0; i < 10_000; i++) {
    const username = `${i}${host.clientTicket().username}`;
    server.receive(at("203.0.113.66:6000"), namedConnect(server, username));
  }
  const { served, dropped, refused, reports } = server.server.counters;
  const words = [served, dropped, refused, reports].flatMap((tally) => [...tally.entries()]);
  assert(words.length < 10);
  assert.equal(server.server.sizes.tickets, 2);
});

function namedConnect(server: TestServer, username: string): Uint8Array {
  builder.begin(MessageClass.request, Method.connect, server.transactionId()).text(Attribute.username, username);
  return builder.u64(Attribute.time, server.epochMs).pad(400).fingerprint().bytes();
}

function wrong(): Uint8Array {
  return new Uint8Array(32);
}
