/** The second generation over TCP, and connections that are none of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClassicWord, defaultLimits } from "@fractal-punch/server/core";
import fc from "fast-check";
import { answers, ask, post, strangers } from "./old-requests.ts";
import { at, TestServer } from "./test-server.ts";

const cloud = at("203.0.113.5:51000");
const client = at("198.51.100.7:5000");

test("a waiting POST's connection stays open, gets the notice, and is spent by one ASK", () => {
  const server = tcpServer();
  server.dial(cloud);
  assert.deepEqual(server.write(cloud, post(32_262)), []);
  server.pass(defaultLimits.classicLifeMs - 1);
  assert.deepEqual(server.closed, []);
  server.dial(client);
  assert.deepEqual(answers(server.write(client, ask("203.0.113.5", 32_262))), [
    "203.0.113.5:51000: 198.51.100.7 5000 0",
    "198.51.100.7:5000: 203.0.113.5 51000 32262",
  ]);
  assert.deepEqual(server.closed, ["203.0.113.5:51000", "198.51.100.7:5000"]);
  assert.equal(server.takeEvents("classic-matched")[0]?.transport, "tcp");
  server.dial(client);
  assert.deepEqual(answers(server.write(client, ask("203.0.113.5", 32_262))), [
    "198.51.100.7:5000: 203.0.113.5 0 32262",
  ]);
  assertNothingLeft(server);
});

test("a POST that nobody asks for is forgotten, and its connection closed, when its time is over", () => {
  const server = tcpServer();
  server.dial(cloud);
  server.pass(5000);
  server.write(cloud, post(32_262));
  server.pass(defaultLimits.classicLifeMs - 1);
  assert.deepEqual(server.closed, []);
  server.pass(1);
  assert.deepEqual(server.closed, ["203.0.113.5:51000"]);
  assertNothingLeft(server);
});

test("a cloud computer that closes its connection is not found any more, and may post again from the same port", () => {
  const server = tcpServer();
  server.dial(cloud);
  server.write(cloud, post(32_262));
  server.hangUp(cloud);
  assertNothingLeft(server);
  assert.equal(server.server.counters.classic.of("post-left"), 1);
  assert.deepEqual([...server.server.counters.streams.entries()], [["opened", 1]], "its request was whole");
  server.dial(cloud);
  server.write(cloud, post(32_262));
  server.dial(client);
  assert.equal(server.write(client, ask("203.0.113.5", 32_262)).length, 2);
  assertNothingLeft(server);
});

test("several connections may post for one service: the latest is spent first", () => {
  const server = tcpServer();
  for (const port of [51_000, 51_001]) {
    server.dial(at(`203.0.113.5:${port}`));
    server.write(at(`203.0.113.5:${port}`), post(32_262));
  }
  const given = [5000, 5001, 5002].map((port) => {
    const from = at(`198.51.100.7:${port}`);
    server.dial(from);
    return answers(server.write(from, ask("203.0.113.5", 32_262)))
      .at(-1)
      ?.split(" ")[2];
  });
  assert.deepEqual(given, ["51001", "51000", "0"]);
});

test("a cloud computer may post from one port of its own to two addresses of the server: each stream is its own", () => {
  const main = { family: 4, port: 48_800, main: true } as const;
  const server = new TestServer({ ports: [main, main] });
  server.openPorts();
  const [first, second] = [server.tcpPort, server.tcpPort + 1];
  for (const port of [first, second]) {
    server.dial(cloud, port);
    server.write(cloud, post(32_262), port);
  }
  server.hangUp(cloud, second);
  server.dial(client, first);
  assert.deepEqual(
    server.write(client, ask("203.0.113.5", 32_262), first).map(({ port }) => port),
    [first, first],
  );
  server.dial(cloud, second);
  server.write(cloud, post(32_262), second);
  server.dial(cloud, first);
  server.write(cloud, post(32_262), first);
  server.pass(defaultLimits.classicLifeMs);
  assert.equal(server.closed.length, 4);
  assertNothingLeft(server);
});

test("posts by UDP and by TCP are known apart, because their ports are", () => {
  const server = tcpServer();
  server.receive(cloud, post(32_262));
  server.dial(client);
  assert.equal(server.write(client, ask("203.0.113.5", 32_262)).length, 1);
  server.dial(cloud);
  server.write(cloud, post(32_263));
  assert.equal(server.receive(client, ask("203.0.113.5", 32_263), 0).length, 1);
});

test("an empty UDP datagram, which old clients send first, does no harm", () => {
  const server = tcpServer();
  assert.deepEqual(server.receive(client, new Uint8Array(0)), []);
  assert.equal(server.server.counters.classic.of("empty"), 1);
});

test("a request may come in pieces of any size, and what follows it is dropped", () => {
  const piecesOf = fc.tuple(fc.array(fc.nat(12), { maxLength: 12 }), fc.uint8Array({ maxLength: 40 }));
  fc.assert(
    fc.property(piecesOf, ([cuts, surplus]) => {
      const server = tcpServer();
      server.receive(cloud, post(32_262));
      server.dial(cloud);
      server.write(cloud, post(32_262));
      server.dial(client);
      const bytes = Uint8Array.of(...ask("203.0.113.5", 32_262), ...surplus);
      const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const sent = edges.slice(1).flatMap((edge, i) => {
        const piece = bytes.slice(edges[i], edge);
        return piece.length === 0 ? [] : server.write(client, piece);
      });
      assert.equal(sent.length, 2);
      assert.deepEqual(server.closed, ["203.0.113.5:51000", "198.51.100.7:5000"]);
    }),
    { numRuns: 300 },
  );
});

test("who says nothing, or not enough, has streamRequestMs; each is counted under its own word", () => {
  const server = tcpServer();
  const [silent, slow, cut, none, other, asker] = strangers(6).map((address) => address);
  assert(silent && slow && cut && none && other && asker);
  for (const from of [silent, slow, cut, none, other, asker]) server.dial(from);
  server.write(slow, post(7).subarray(0, 1));
  server.write(cut, post(7).subarray(0, 11));
  server.hangUp(cut);
  server.hangUp(none);
  assert.deepEqual(server.write(other, Uint8Array.of(0x47, 0x45, 0x54, 0x20, 0x2f)), []);
  assert.deepEqual(server.closed, ["11.0.4.9:5000"]);
  server.write(asker, Uint8Array.of(...post(7), 1, 2, 3));
  server.pass(defaultLimits.streamRequestMs - 1);
  assert.equal(server.server.sizes.streams, 3);
  server.pass(1);
  assert.deepEqual(server.closed, ["11.0.4.9:5000", "11.0.0.9:5000", "11.0.1.9:5000"]);
  assert.deepEqual(Object.fromEntries(server.server.counters.streams.entries()), {
    opened: 6,
    silent: 2,
    unfinished: 1,
    cut: 1,
    "not-ours": 1,
    surplus: 1,
  });
  server.pass(defaultLimits.classicLifeMs);
  assertNothingLeft(server);
});

test("a stream's bytes after the server closed it, or before it was told of it, are nobody's", () => {
  const server = tcpServer();
  assert.deepEqual(server.write(client, ask("203.0.113.5", 7)), []);
  server.dial(client);
  server.write(client, ask("203.0.113.5", 7));
  assert.deepEqual(server.write(client, ask("203.0.113.5", 7)), []);
  server.hangUp(client);
  assertNothingLeft(server);
});

test("who goes on sending behind a request is closed, and what it posted forgotten", () => {
  const server = tcpServer();
  server.dial(cloud);
  server.write(cloud, Uint8Array.of(...post(32_262), ...new Uint8Array(500)));
  server.write(cloud, post(32_262));
  assert.deepEqual([server.closed, server.server.sizes.classic], [[], 1]);
  server.write(cloud, new Uint8Array(600));
  assert.deepEqual(server.closed, ["203.0.113.5:51000"]);
  assert.equal(server.server.counters.streams.of("surplus"), 1);
  assertNothingLeft(server);
});

test("bytes behind a request do not renew a post", () => {
  const server = tcpServer();
  server.dial(cloud);
  server.write(cloud, post(32_262));
  server.pass(defaultLimits.classicLifeMs - 1);
  server.write(cloud, post(32_262));
  server.pass(1);
  assertNothingLeft(server);
  server.hangUp(cloud);
  assert.equal(server.server.counters.streams.of("cut"), 0);
});

test("a public port of 0 is counted, and ends the connection", () => {
  const server = tcpServer();
  for (const request of [post(0), ask("203.0.113.5", 0)]) {
    server.dial(client);
    assert.deepEqual(server.write(client, request), []);
  }
  assert.equal(server.server.counters.classic.of("port-0"), 2);
  assertNothingLeft(server);
});

test("streams, streamsPerAddress and streamRate bound the connections; a post that waits keeps its own", () => {
  const limits = { streams: 50, streamsPerAddress: 10, streamRate: { perSecond: 20, burst: 30 } };
  const server = tcpServer(limits);
  server.dial(cloud);
  server.write(cloud, post(32_262));
  for (let i = 0; i < 11; i++) server.dial(at(`198.51.100.7:${6000 + i}`));
  for (let i = 0; i < 25; i++) server.dial(at(`198.51.100.${100 + i}:6000`));
  const { streams } = server.server.counters;
  assert.deepEqual([streams.of("opened"), streams.of("address-full"), streams.of("prefix-rate")], [31, 1, 5]);
  for (const from of strangers(100)) server.dial(from);
  assert.equal(server.server.sizes.streams, 50);
  assert.deepEqual([streams.of("made-room"), server.closed[6]], [81, "198.51.100.7:6000"], "the oldest goes first");
  const asker = at("198.51.99.7:5000");
  server.dial(asker);
  assert.equal(server.write(asker, ask("203.0.113.5", 32_262)).length, 2);
});

test("a table of streams that is full of posts turns newcomers away", () => {
  const server = tcpServer({ streams: 3 });
  const posters = strangers(3);
  for (const from of posters) {
    server.dial(from);
    server.write(from, post(7));
  }
  server.dial(client);
  assert.deepEqual(server.closed, ["198.51.100.7:5000"]);
  assert.equal(server.server.counters.streams.of("table-full"), 1);
  assert.equal(server.server.sizes.classic, 3);
});

test("an address has at most classicEntriesPerAddress posts by TCP; their connections stay, and the newest is closed", () => {
  const { classicEntriesPerAddress: most } = defaultLimits;
  const server = tcpServer();
  for (let i = 0; i <= most; i++) {
    server.dial(at(`203.0.113.5:${51_000 + i}`));
    server.write(at(`203.0.113.5:${51_000 + i}`), post(32_262));
  }
  assert.deepEqual(server.closed, [`203.0.113.5:${51_000 + most}`]);
  assert.equal(server.server.counters.classic.of("address-full"), 1);
  assert.equal(server.server.sizes.classic, most);
});

test("a full table closes the connection of a post at once", () => {
  const server = tcpServer({ classicEntries: 2 });
  for (const from of strangers(3)) {
    server.dial(from);
    server.write(from, post(7));
  }
  const word: ClassicWord = "table-full";
  assert.equal(server.server.counters.classic.of(word), 1);
  assert.deepEqual(server.closed, ["11.0.2.9:5000"]);
});

function tcpServer(limits = {}): TestServer {
  const server = new TestServer({ limits });
  server.openPorts();
  return server;
}

function assertNothingLeft({ server }: TestServer): void {
  const { streams, classic } = server.sizes;
  assert.deepEqual({ streams, classic, nextWake: server.nextWake() }, { streams: 0, classic: 0, nextWake: Infinity });
}
