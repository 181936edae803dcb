/** The incidents of other projects in which somebody asked a relay for too much, or with what was not his. */
import assert from "node:assert/strict";
import { randomFillSync } from "node:crypto";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { defaultLimits, revocationHash } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  asciiText,
  base64UrlBytes,
  encodeBinding,
  errorCodeOf,
  Method,
  StunBuilder,
  Transport,
} from "@fractal-punch/wire";
import { at, load, only, secret, startSeconds } from "./test-server.ts";
import { type Credential, minted, relayIp, TurnClient, TurnServer } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);
const rate = { perSecond: 1e6, burst: 1e6 };
const methods = [
  Method.allocate,
  Method.refresh,
  Method.createPermission,
  Method.channelBind,
  Method.tcpConnect,
  Method.connectionBind,
];

test("rustdesk-server PR 642: every method refuses without a credential, over UDP and over TCP, and nothing is left", () => {
  const server = new TurnServer({ limits: { unauthenticatedRate: rate, streamRate: rate } });
  const strangers: Credential[] = [
    { username: "alice", password: "" },
    { username: "nobody", password: "wonderland" },
    { ...minted("bob"), password: "wrong" },
    minted("bob", startSeconds - 1),
  ];
  for (let i = 0; i < 600; i++) {
    const from = at(`203.0.${i % 250}.${i >> 8}:${1024 + i}`);
    const port = i % 2 === 0 ? 0 : server.tcpPort;
    if (port === server.tcpPort) server.dial(from);
    for (const stranger of strangers)
      for (const method of methods) {
        const client = new TurnClient(server, from, stranger, undefined, port);
        const sent = server.receive(from, client.request(method), port);
        assert.equal(errorCodeOf(load(only(sent, from))), 401);
      }
  }
  server.pass(defaultLimits.streamIdleMs);
  const { buckets: _, ...sizes } = server.server.sizes;
  for (const [table, size] of Object.entries(sizes)) assert.equal(size, 0, table);
  assert.deepEqual([server.server.nextWake(), server.relays.size], [Infinity, 0]);
});

test("CVE-2022-23486, CVE-2022-23492: of each small thing that a user can ask for there is a maximum", () => {
  const server = new TurnServer({ limits: { unauthenticatedRate: rate } });
  const { allocationsPerUser, permissionsPerAllocation, channelsPerAllocation } = defaultLimits;
  const clientOf = (i: number): TurnClient => new TurnClient(server, at(`203.0.113.7:${5000 + i}`));
  const refusedFrom = (maximum: number, code: number, ask: (i: number) => number | undefined): void => {
    for (let i = 0; i < maximum + 20; i++) assert.equal(ask(i), i < maximum ? undefined : code, String(i));
  };
  refusedFrom(allocationsPerUser, 486, (i) => errorCodeOf(clientOf(i).allocate()));
  refusedFrom(permissionsPerAllocation, 508, (i) => clientOf(0).permit(at(`9.9.${i >> 8}.${i & 0xff}:7000`)));
  refusedFrom(channelsPerAllocation, 508, (i) => clientOf(1).bind(0x4000 + i, at(`9.9.9.9:${7000 + i}`)));
  server.pass(defaultLimits.allocationLifeMs);
  assert.deepEqual([server.relays.size, server.server.sizes.tuples], [0, 0]);
});

test("CVE-2022-23486: streams that send a byte a second are closed when their time is over, whatever they send", () => {
  const server = new TurnServer({ limits: { streamRate: rate } });
  const request = encodeBinding(new StunBuilder(), server.transactionId(), false).slice();
  const streams = Array.from({ length: 1000 }, (_, i) => at(`203.0.${i % 250}.7:${5000 + i}`));
  for (const from of streams) server.dial(from);
  for (let second = 0; second < defaultLimits.streamRequestMs / 1000; second++) {
    for (const from of streams) assert.deepEqual(server.write(from, request.subarray(second, second + 1)), []);
    assert.equal(server.closed.length, 0);
    server.pass(1000);
  }
  assert.deepEqual(new Set(server.closed), new Set(streams.map(addressText)));
  assert.equal(server.server.sizes.streams, 0);
});

test("CVE-2025-69217: of nonces and tokens each bit is as often set as not, and none comes twice", () => {
  const random = { fill: (bytes: Uint8Array) => void randomFillSync(bytes) };
  const server = new TurnServer({ random, limits: { unauthenticatedRate: rate } });
  const macs: Uint8Array[] = [];
  const tokens: Uint8Array[] = [];
  for (let i = 0; i < 2000; i++) {
    const client = new TurnClient(server, at(`203.0.${i >> 8}.${i & 0xff}:5000`));
    macs.push(macOf(client.challenge().value(Attribute.nonce)));
    const answer = client.allocate((builder) => builder.attribute(Attribute.evenPort, Uint8Array.of(0x80)));
    tokens.push(answer.value(Attribute.reservationToken)?.slice() ?? data);
    client.refresh(0);
    server.pass(30_000);
  }
  for (const values of [macs, tokens]) {
    assert.equal(new Set(values.map(String)).size, 2000);
    for (let bit = 0; bit < 64; bit++) {
      const count = values.filter((value) => (((value[bit >> 3] ?? 0) >> (bit & 7)) & 1) === 1).length;
      // 1,000 are expected, with a deviation of 22: eight of those come once in 10^15.
      assert(count > 820 && count < 1180, `bit ${bit} is set in ${count} of 2000`);
    }
  }
});

test("coturn's nonce memory (#1999): what is sent again wins nothing elsewhere, and nothing new at home", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const relayed = client.relayed();
  client.permit(peer);
  client.bind(0x4001, peer);
  const recorded = [
    client.request(Method.allocate, allocateOf),
    client.request(Method.createPermission, (builder) => builder.xorAddress(Attribute.xorPeerAddress, peer)),
    client.request(Method.channelBind, (builder) => builder.channel(0x4001).xorAddress(Attribute.xorPeerAddress, peer)),
    client.request(Method.refresh, (builder) => builder.u32(Attribute.lifetime, 600)),
  ];
  const sizes = server.server.sizes;
  const thief = at("203.0.113.66:6000");
  for (const bytes of recorded) {
    assert.equal(errorCodeOf(load(only(server.receive(thief, bytes), thief))), 438, "the nonce is of another address");
    for (let i = 0; i < 3; i++) server.receive(home, bytes);
  }
  assert.deepEqual({ ...server.server.sizes, buckets: 0 }, { ...sizes, buckets: 0 });
  assert.deepEqual([...server.relays.values()], [relayed]);
  assert.equal(client.channelData(0x4001, data).length, 1);
  server.pass(defaultLimits.nonceLifeMs + 1000);
  for (const bytes of recorded) assert.equal(errorCodeOf(load(only(server.receive(home, bytes), home))), 438);
});

test("Ghost Calls, Backdoor.Turn: a revoked name relays nothing from that moment, an expired one no longer than its last lifetime", () => {
  const server = new TurnServer();
  const bob = minted("bob");
  const carol = minted("carol", startSeconds + 60);
  const clients = [new TurnClient(server, home, bob), new TurnClient(server, at("203.0.113.8:5000"), carol)] as const;
  for (const client of clients) {
    client.relayed();
    client.bind(0x4001, peer);
    assert.equal(client.channelData(0x4001, data).length, 1);
  }
  server.revoke(revocationHash(nodePrimitives, secret, bob.username));
  assert.equal(clients[0].channelData(0x4001, data).filter(({ to }) => to.port === peer.port).length, 0);
  server.pass(60_000);
  assert.equal(errorCodeOf(clients[1].refresh(3600)), 401);
  server.pass(600_000);
  assert.deepEqual([server.server.sizes.allocations, server.relays.size], [0, 0]);
});

test("coturn#1946: a permitted peer whose address becomes the server's own is reached no more", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  client.relayed();
  assert.equal(client.bind(0x4001, peer), undefined);
  assert.equal(client.channelData(0x4001, data).length, 1);
  server.tell({ type: "public-addresses", addresses: [relayIp], own: [relayIp, { ...peer, port: 0 }] });
  assert.deepEqual([client.channelData(0x4001, data), client.send(peer, data)], [[], []]);
  assert.equal(client.permit(peer), 403);
  assert.equal(client.bind(0x4001, peer), 403);
});

function allocateOf(builder: StunBuilder): void {
  builder.u32(Attribute.requestedTransport, Transport.udp * 0x100_0000);
}

/** The part of a nonce that is neither the cookie nor the time. */
function macOf(nonce: Uint8Array | undefined): Uint8Array {
  const bytes = base64UrlBytes(asciiText(nonce?.subarray(13) ?? data));
  assert(bytes);
  return bytes.subarray(4);
}
