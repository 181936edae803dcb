/** TCP allocations against whatever comes: from clients with valid credentials, from strangers, and from peers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressText, ipBytes } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { Attribute, errorCodeOf, Method, type StunBuilder } from "@fractal-punch/wire";
import fc from "fast-check";
import { heldBytes } from "./held-bytes.ts";
import { mended } from "./test-datagrams.ts";
import { at, errorTo, load, only } from "./test-server.ts";
import { TcpTurnClient, TcpTurnServer } from "./test-tcp-turn.ts";
import { minted, TurnClient } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const dataHome = at("203.0.113.7:5001");
const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("Connect and ConnectionBind cut at every length, mended or not, connect and bind nothing", () => {
  for (const method of [Method.tcpConnect, Method.connectionBind]) {
    const { server, client, id } = connected();
    const bytes = client.request(method, (builder) =>
      builder.u32(Attribute.connectionId, id).xorAddress(Attribute.xorPeerAddress, at("198.51.100.9:1")),
    );
    const before = { ...server.server.sizes, buckets: 0, streams: 0 };
    for (let length = 0; length < bytes.length; length++) {
      for (const piece of [bytes.subarray(0, length), mended(bytes.subarray(0, length))]) {
        const from = at(`203.0.113.8:${1024 + length}`);
        server.dial(from);
        if (piece.length > 0) server.write(from, piece);
        server.hangUp(from);
        server.receive(at("203.0.113.9:1"), piece);
      }
    }
    assert.deepEqual({ ...server.server.sizes, buckets: 0, streams: 0 }, before);
    assert.equal(server.dials.size, 1);
  }
});

test("attributes of Connect and ConnectionBind that are repeated, moved, or of another length get one protected answer", () => {
  const right = { [Method.tcpConnect]: xored(at("198.51.100.9:1")), [Method.connectionBind]: new Uint8Array(4) };
  const types = { [Method.tcpConnect]: Attribute.xorPeerAddress, [Method.connectionBind]: Attribute.connectionId };
  for (const method of [Method.tcpConnect, Method.connectionBind] as const) {
    const [type, value] = [types[method], right[method]];
    const bad = Array.from({ length: 40 }, (_, length) => [[type, new Uint8Array(length).fill(length)]] as const);
    const lists = [
      ...bad,
      [[0x7fff, data]] as const,
      [
        [type, value],
        [type, value],
      ] as const,
      [
        [type, value],
        [0x7fff, data],
      ] as const,
    ];
    for (const list of lists) {
      const { server, client } = connected();
      const write = (builder: StunBuilder): void => {
        for (const [one, bytes] of list) builder.attribute(one, bytes);
      };
      const sent = server.receive(home, client.request(method, write, new Uint8Array(12)), client.port);
      const code = sent.length === 0 ? undefined : errorCodeOf(load(only(sent, home).slice()));
      assert(sent.length <= 1 && [undefined, 400, 403, 420, 443].includes(code), `${method}: ${code}`);
      server.hangUp(home);
      server.pass(60_000);
      assert.deepEqual([server.server.sizes.connections, server.dials.size, server.relays.size], [0, 0, 0]);
      assert.equal(server.server.nextWake(), Infinity);
    }
  }
});

test("a second ConnectionBind, or anything else behind the first, is data for the peer and asks for nothing", () => {
  const { server, client, id, port } = connected();
  const other = client.connected(at("198.51.100.9:7001"));
  const second = client.request(Method.connectionBind, (builder) => builder.u32(Attribute.connectionId, other.id));
  const sent = client.bindConnection(id, dataHome, second);
  assert.deepEqual(sent[1]?.bytes, second);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), (bytes) => {
      assert.deepEqual(
        server.write(dataHome, bytes).map((one) => [one.port, addressText(one.to), one.bytes]),
        [[port, addressText(peer), bytes]],
      );
    }),
  );
  assert.equal(server.server.sizes.connections, 2);
});

test("nobody finds a connection by trying ids, and trying costs its network what wrong requests cost", () => {
  const { server } = connected();
  const from = at("203.0.113.66:6000");
  server.dial(from);
  const eve = new TurnClient(server, from, minted("eve"), undefined, server.tcpPort);
  eve.refresh();
  for (let i = 0; i < 5_000; i++) {
    const bytes = eve.request(Method.connectionBind, (builder) => builder.u32(Attribute.connectionId, i * 858_993));
    assert.equal(errorTo(server.write(from, bytes), from), 400);
  }
  const stranger = new TurnClient(server, at("198.51.100.66:6000"), { username: "eve", password: "x" }, undefined);
  const asked = Array.from({ length: 1_000 }, () =>
    server.receive(stranger.address, stranger.request(Method.tcpConnect)),
  );
  assert(asked.filter((sent) => sent.length > 0).length < defaultLimits.unauthenticatedRate.burst + 1_000 / 7);
});

test("connections that nobody binds are at most connectionsPerUser, by Connect and by dialling, and end after 30 s", () => {
  const server = new TcpTurnServer({ limits: { connectionsPerUser: 10 } });
  const client = new TcpTurnClient(server, home);
  client.permit(peer);
  for (let i = 0; i < 5; i++) client.connected(at(`198.51.100.9:${1 + i}`));
  for (let i = 0; i < 100; i++) server.peerDials(at(`198.51.100.9:${1000 + i}`), client.relayedAddress);
  assert.equal(server.server.sizes.connections, 10);
  assert.equal(server.server.counters.dropped.of("connections-full"), 95);
  assert.equal(errorTo(client.connect(peer), home), 486);
  const other = new TcpTurnClient(server, at("203.0.113.8:5000"), minted("carol"));
  other.connected(peer);
  server.pass(36_000);
  assert.deepEqual([server.server.sizes.connections, server.dials.size], [0, 0]);
  client.connected(peer);
});

test("a user has at most dialRate peers dialled, refused ones as well, and others are not concerned", () => {
  const server = new TcpTurnServer({ limits: { dialRate: { perSecond: 1, burst: 3 } } });
  const client = new TcpTurnClient(server, home);
  const dial = (port: number): number | undefined => {
    const sent = client.connect(at(`198.51.100.9:${port}`));
    if (sent.length > 0) return errorTo(sent, home);
    return errorTo(server.hear({ type: "port-failed", port: server.dialPort, code: "ECONNREFUSED" }), home);
  };
  assert.deepEqual([1, 2, 3, 4].map(dial), [447, 447, 447, 486]);
  server.pass(1_000);
  assert.deepEqual([5, 6].map(dial), [447, 486]);
  new TcpTurnClient(server, at("203.0.113.8:5000"), minted("carol")).connected(peer);
});

test("connections is a maximum: 508", () => {
  const server = new TcpTurnServer({ limits: { connections: 2 } });
  const client = new TcpTurnClient(server, home);
  client.connected(at("198.51.100.9:1"));
  client.connect(at("198.51.100.9:2"));
  assert.equal(errorTo(client.connect(at("198.51.100.9:3")), home), 508);
});

test("ten thousand connections that come and go, each in another way, leave nothing", () => {
  const lifeMs = 1e9;
  const server = new TcpTurnServer({ limits: { relayBytes: 1e9, nonceLifeMs: lifeMs, allocationLifeMs: lifeMs } });
  const client = new TcpTurnClient(server, home);
  client.refresh(lifeMs);
  const comeAndGo = (count: number): void => {
    for (let i = 0; i < count; i++) {
      client.connect(peer);
      const port = server.dialPort;
      if (i % 4 === 0) server.hear({ type: "port-failed", port, code: "ECONNREFUSED" });
      else server.reach();
      if (i % 2 === 1) server.ended(port, peer);
      if (i % 4 === 2) server.pass(30_000);
    }
    server.opened = [];
    server.closed = [];
    server.held.clear();
  };
  comeAndGo(1_000);
  const before = heldBytes();
  comeAndGo(10_000);
  server.pass(6_000);
  assert.deepEqual([server.server.sizes.connections, server.dials.size], [0, 0]);
  const leftBytes = heldBytes() - before;
  assert(leftBytes < 512 * 1024, `${leftBytes} bytes are left`);
});

/** A client with an allocation of TCP, and a connection that waits to be bound. */
function connected() {
  const server = new TcpTurnServer({ limits: { streamsPerAddress: 1_000 } });
  const client = new TcpTurnClient(server, home);
  return { server, client, ...client.connected(peer) };
}

/** XOR-PEER-ADDRESS under a transaction id of zeros. */
function xored(address: Address): Uint8Array {
  const cookie = [0x21, 0x12, 0xa4, 0x42];
  const ip = ipBytes(address).map((byte, i) => byte ^ (cookie[i] ?? 0));
  const port = address.port ^ 0x2112;
  return Uint8Array.of(0, 1, port >> 8, port & 0xff, ...ip);
}
