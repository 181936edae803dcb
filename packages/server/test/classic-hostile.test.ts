/** The classic protocols prove nothing of anybody: what strangers can do with them, and what they cannot. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressText } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import fc from "fast-check";
import { ask, post, strangers, text } from "./old-requests.ts";
import { channelData, connectPair } from "./test-peers.ts";
import { at, TestServer } from "./test-server.ts";

const cloud = at("203.0.113.5:51000");

test("each kind of bad datagram is counted under its own word, and answered by nothing", () => {
  const server = new TestServer();
  const bad: readonly [string, Uint8Array, Address?, number?][] = [
    ["empty", new Uint8Array(0)],
    ["bad-size", post(7).subarray(0, 11)],
    ["bad-size", Uint8Array.of(...post(7), 0)],
    ["bad-size", Uint8Array.of(...post(7), ...new Uint8Array(500))],
    ["bad-type", Uint8Array.of(2, ...post(7).subarray(1))],
    ["bad-type", Uint8Array.of(9, ...post(7).subarray(1))],
    ["bad-address", text("1.2.3.999C")],
    ["bad-address", text("123.123.123.123.123.123C")],
    ["no-address", text("C")],
    ["port-0", post(0)],
    ["port-0", ask("203.0.113.5", 0)],
    ["ip6", post(7), at("[2001:db8::5]:5000"), 1],
    ["wrong-port", text("V"), cloud, 2],
  ];
  const expected = new Map<string, number>();
  for (const [word, bytes, from, port] of bad) {
    expected.set(word, (expected.get(word) ?? 0) + 1);
    assert.deepEqual(server.receive(from ?? cloud, bytes, port), [], word);
  }
  assert.deepEqual(new Map<string, number>(server.server.counters.classic.entries()), expected);
  assert.deepEqual([...server.server.counters.dropped.entries()], []);
  assert.equal(server.server.sizes.classic, 0);
});

test("a request from port 0, which nobody can answer, is dropped", () => {
  const server = new TestServer();
  server.receive(at("203.0.113.5:0"), post(7));
  assert.equal(server.server.counters.dropped.of("bad-source"), 1);
  assert.equal(server.server.sizes.classic, 0);
});

test("switched off, classic datagrams are nobody's, and no port of TCP is opened", () => {
  const server = new TestServer({ classic: false });
  for (const bytes of [text("V"), text("203.0.113.5C"), post(7), ask("203.0.113.5", 7), new Uint8Array(0)])
    assert.deepEqual(server.receive(cloud, bytes), []);
  assert.deepEqual([...server.server.counters.classic.entries()], []);
  server.openPorts();
  assert.equal(
    server.opened.some(({ transport }) => transport === "tcp"),
    false,
  );
});

test("a port of TCP is opened for each main port, at the number that this one got", () => {
  const server = new TestServer();
  server.openPorts();
  const tcp = server.opened.filter(({ transport }) => transport === "tcp");
  assert.deepEqual(
    tcp.map(({ family, port }) => [family, port]),
    [
      [4, 48_800],
      [6, 48_800],
    ],
  );
});

test("the server is ready when every port has been opened or was said not to open, TCP's last", () => {
  const server = new TestServer({ ports: [{ family: 4, port: 48_800, main: true }] });
  server.start();
  const local = at("192.0.2.1:48800");
  server.tell({ type: "port-opened", port: 0, local });
  assert.deepEqual(server.takeEvents("ready"), []);
  server.tell({ type: "port-failed", port: 1, code: "EADDRINUSE" });
  assert.equal(server.takeEvents("ready").length, 1);
  assert.deepEqual(
    server.takeEvents("listen-failed").map(({ port }) => [port.transport, port.port]),
    [["tcp", 48_800]],
  );
});

test("floods from one address and from many keep memory flat, and peers and their sessions are undisturbed", () => {
  const classicEntries = 1000;
  const server = new TestServer({ limits: { classicEntries } });
  const pair = connectPair(server);
  const { host, client, clientChannel } = pair;
  const many = strangers(5000);
  for (const [i, from] of many.entries()) {
    server.receive(from, post(i));
    server.receive(from, text("V"));
    server.receive(from, text("203.0.113.5C"));
    server.receive(host.address, post(i));
    server.receive(at(`203.0.113.66:${1024 + i}`), post(i));
    if (i % 500 === 0) {
      server.pass(100);
      assert.equal(server.receive(client.address, channelData(clientChannel)).length, 1);
    }
  }
  assert(server.server.sizes.classic <= 3 * classicEntries);
  host.registered(host.refresh());
  assert.equal(server.server.sizes.registrations, 1);
  server.pass(defaultLimits.classicVmLifeMs);
  assert.equal(server.server.sizes.classic, 0);
});

test("whatever strangers send, nobody gets more than 8 bytes for a request of its own, but for a few notices", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
      const server = new TestServer();
      const requests = new Map<string, number>();
      const received = new Map<string, number>();
      for (const { kind, from, port, ms } of steps) {
        const source = places[from] ?? cloud;
        const sent = server.receive(source, requestOf(kind, port));
        requests.set(addressText(source), (requests.get(addressText(source)) ?? 0) + 1);
        for (const { to, bytes } of sent) {
          assert.equal(bytes.length, 8);
          assert(requests.has(addressText(to)), "only who has sent something gets something");
          received.set(addressText(to), (received.get(addressText(to)) ?? 0) + 1);
        }
        server.pass(ms);
      }
      for (const [place, count] of received)
        assert(count <= (requests.get(place) ?? 0) + defaultLimits.classicNoticeRate.burst);
      server.pass(defaultLimits.classicVmLifeMs);
      assert.deepEqual([server.server.sizes.classic, server.server.nextWake()], [0, Infinity]);
    }),
    { numRuns: 300 },
  );
});

test("streams that come, say anything and go in any order never throw, and leave nothing", () => {
  const pieces = fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.constantFrom(post(7), ask("203.0.113.5", 7)));
  const act = fc.tuple(fc.constantFrom("dial", "write", "hang up", "pass"), fc.nat(3), pieces, fc.nat(12_000));
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const server = new TestServer();
      server.openPorts();
      const open = new Set<number>();
      for (const [kind, who, piece, ms] of acts) {
        const from = places[who] ?? cloud;
        if (kind === "pass") server.pass(ms);
        else if (kind === "dial" && !open.has(who)) server.dial(from);
        else if (kind === "write" && piece.length > 0) server.write(from, piece);
        else if (kind === "hang up") server.hangUp(from);
        if (kind === "dial") open.add(who);
        if (kind === "hang up") open.delete(who);
        for (const name of server.closed.splice(0))
          open.delete(places.findIndex((place) => addressText(place) === name));
      }
      assert.equal(server.server.sizes.streams, open.size);
      server.pass(defaultLimits.streamRequestMs + defaultLimits.classicLifeMs);
      const { streams, classic } = server.server.sizes;
      assert.deepEqual([streams, classic, server.server.nextWake()], [0, 0, Infinity]);
    }),
    { numRuns: 500 },
  );
});

const places = [cloud, at("203.0.113.5:51001"), at("198.51.100.7:5000"), at("198.51.100.8:5000")];

const step = fc.record({
  kind: fc.constantFrom("ask", "post", "client", "vm", "noise"),
  from: fc.nat(places.length - 1),
  port: fc.integer({ min: 1, max: 2 }),
  ms: fc.nat(2000),
});

function requestOf(kind: string, port: number): Uint8Array {
  switch (kind) {
    case "ask":
      return ask("203.0.113.5", port);
    case "post":
      return post(port);
    case "client":
      return text("203.0.113.5C");
    default:
      return kind === "vm" ? text("V") : new Uint8Array(port);
  }
}
