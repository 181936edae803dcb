import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import {
  BareMachine,
  type DialledStream,
  fullCone,
  portRestrictedCone,
  restrictedCone,
  symmetric,
  World,
} from "@fractal-punch/sim";
import { at, type BareNode, bareNode, drops, received, send } from "./bare-node.ts";

const server = "192.0.2.1:5000";

test("a connection is set up in one round trip; the machine hears of it when its end is told", () => {
  const { world, listener } = listening({ delayMs: 15 });
  const home = world.nat("home", portRestrictedCone, { address: "198.51.100.7" });
  const client = bareNode(world, "client", { behind: home, delayMs: 20 });
  const stream = client.dial(at(server), 7000);
  world.run(200);
  assert.deepEqual(stream.events, [{ atMs: 70, event: { type: "connected" } }]);
  const opened = { type: "stream-opened", port: 2, from: at("198.51.100.7:7000"), local: at(server) };
  assert.deepEqual(streamNews(listener), [opened]);
  assert.equal(listener.events.at(-1)?.atMs, 105);
});

test("where nobody listens a connection is refused after one round trip", () => {
  const { world, listener } = listening({ delayMs: 15 });
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  const stream = client.dial(at("192.0.2.1:5001"));
  world.run(100);
  assert.deepEqual(stream.events, [{ atMs: 30, event: { type: "ended", why: "refused" } }]);
  listener.command({ type: "close", port: 2 });
  const second = client.dial(at(server));
  world.run(200);
  assert.equal(second.end, "refused");
  assert.deepEqual([client.openStreams, listener.openStreams], [0, 0]);
});

test("what is written arrives whole and in order, both ways, over lines that lose, copy and reorder", () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { world } = listening({ delayMs: 15, lossRate: 0.15, duplicateRate: 0.1, reorderRate: 0.1 }, seed, true);
    const client = bareNode(world, "client", { address: "192.0.2.2" });
    const stream = client.dial(at(server));
    const sent = new Uint8Array(40_000);
    world.random("payload").fill(sent);
    let from = 0;
    for (let to = 1; from < sent.length; from = to, to = Math.min(sent.length, 1 + to * 2))
      stream.write(sent.subarray(from, to));
    let lengthBytes = 0;
    stream.onEvent((event) => {
      if (event.type === "received") lengthBytes += event.bytes.length;
    });
    world.runUntil(() => lengthBytes === sent.length, 300_000);
    assert.deepEqual(stream.bytes, sent);
    stream.close();
    world.run(world.now + 10_000);
    assert.equal(client.openStreams, 0);
  }
});

test("a machine gets a stream in pieces of many sizes, in other pieces with another seed", () => {
  const sizes = new Set<number>();
  const cuts = new Set<string>();
  for (let seed = 1; seed <= 100; seed++) {
    const { world, listener } = listening({}, seed);
    const stream = bareNode(world, "client", { address: "192.0.2.2", delayMs: 5 }).dial(at(server));
    for (let i = 0; i < 3; i++) stream.write(new Uint8Array(4));
    world.run(1000);
    const pieces = pieceLengths(listener);
    assert.equal(
      pieces.reduce((sum, length) => sum + length, 0),
      12,
    );
    for (const length of pieces) sizes.add(length);
    cuts.add(pieces.join(" "));
  }
  assert.deepEqual(
    [...sizes].toSorted((a, b) => a - b),
    Array.from({ length: 12 }, (_, i) => i + 1),
  );
  assert.ok(cuts.size > 20, `${cuts.size} ways to cut 12 bytes`);
});

test("an end that closes half has sent all it had; the machine's stream ends with it, and nothing can be sent to it", () => {
  const { world, listener } = listening({ delayMs: 10 });
  const stream = bareNode(world, "client", { address: "192.0.2.2" }).dial(at(server));
  stream.write(Uint8Array.of(1, 2, 3));
  stream.closeHalf();
  world.run(1000);
  const [opened, ended] = streamNews(listener);
  assert.equal(
    pieceLengths(listener).reduce((sum, length) => sum + length, 0),
    3,
  );
  assert.ok(opened?.type === "stream-opened");
  assert.deepEqual(ended, { type: "stream-ended", port: 2, from: opened.from });
  listener.command({ type: "send", port: 2, to: opened.from, bytes: Uint8Array.of(9) });
  world.run(2000);
  assert.deepEqual([stream.end, stream.bytes.length, listener.openStreams], ["closed", 0, 0]);
});

test("a stream that the machine closes brings all that was sent before, and the machine hears no more of it", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { world, listener } = listening({ delayMs: 10, lossRate: 0.1 }, seed);
    const client = bareNode(world, "client", { address: "192.0.2.2" });
    const stream = client.dial(at(server));
    const from = openedBy(world, listener);
    listener.command({ type: "send", port: 2, to: from, bytes: new Uint8Array(8) });
    listener.command({ type: "close-stream", port: 2, to: from });
    stream.onEvent(({ type }) => {
      if (type === "ended") stream.close();
    });
    world.runUntil(() => stream.end !== undefined, world.now + 5000);
    assert.deepEqual([stream.end, stream.bytes.length], ["closed", 8]);
    world.run(world.now + 10_000);
    assert.deepEqual([listener.openStreams, client.openStreams, streamNews(listener).length], [0, 0, 1]);
  }
});

test("a stream that the machine has closed is gone five seconds later, though its far end never closes", () => {
  const { world, listener } = listening({ delayMs: 10 });
  const stream = bareNode(world, "client", { address: "192.0.2.2" }).dial(at(server));
  listener.command({ type: "close-stream", port: 2, to: openedBy(world, listener) });
  const closedAtMs = world.now;
  world.run(closedAtMs + 4999);
  assert.deepEqual([stream.end, listener.openStreams], ["closed", 1]);
  world.run(closedAtMs + 5000);
  assert.equal(listener.openStreams, 0);
});

test("a far end that breaks off ends the machine's stream; a machine that closes its port, or crashes, breaks off all", () => {
  const { world, listener } = listening({ delayMs: 10 });
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  const streams = [client.dial(at(server)), client.dial(at(server)), client.dial(at(server))] as const;
  world.run(100);
  streams[0].reset();
  world.run(200);
  assert.deepEqual(
    streamNews(listener).map(({ type }) => type),
    ["stream-opened", "stream-opened", "stream-opened", "stream-ended"],
  );
  listener.command({ type: "close", port: 2 });
  world.run(300);
  assert.deepEqual(
    streams.map(({ end }) => end),
    [undefined, "reset", "reset"],
  );
  listener.command({ type: "open", port: 2, request: { transport: "tcp", family: 4, port: 5000 } });
  const last = client.dial(at(server));
  world.run(400);
  listener.stop();
  world.run(500);
  assert.deepEqual([last.end, client.openStreams, listener.openStreams], ["reset", 0, 0]);
});

test("a far end that is cut off is given up after minutes", () => {
  const { world, listener } = listening({ delayMs: 10 });
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  const stream = client.dial(at(server));
  const from = openedBy(world, listener);
  world.cut(client, listener);
  const unheard = client.dial(at(server));
  listener.command({ type: "send", port: 2, to: from, bytes: Uint8Array.of(1) });
  world.runUntil(() => unheard.end !== undefined);
  assert.deepEqual([unheard.end, world.now], ["timed-out", unheard.events[0]?.atMs]);
  assert.ok(world.now > 120_000 && world.now < 135_000, `${world.now} ms`);
  world.runUntil(() => streamNews(listener).at(-1)?.type === "stream-ended");
  assert.equal(stream.end, undefined);
});

test("the same port may dial again as soon as it has closed, and after the far machine was started again", () => {
  const { world, listener } = listening({ delayMs: 10 });
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  for (let i = 0; i < 3; i++) {
    const stream = client.dial(at(server), 7000);
    world.run(world.now + 100);
    assert.equal(stream.events[0]?.event.type, "connected");
    stream.close();
    world.run(world.now + 100);
  }
  const stream = client.dial(at(server), 7000);
  world.run(world.now + 100);
  world.cut(client, listener);
  stream.reset();
  world.heal(client, listener);
  const again = client.dial(at(server), 7000);
  world.run(world.now + 3000);
  assert.equal(again.events[0]?.event.type, "connected");
});

test("UDP and TCP of one number are two ports, and two mappings in a NAT", () => {
  const { world, listener } = listening({});
  const home = world.nat("home", symmetric, { address: "198.51.100.7" });
  const client = bareNode(world, "client", { behind: home, delayMs: 5 }, 7000);
  send(client, server, 7);
  client.dial(at(server), 7000);
  const from = openedBy(world, listener);
  const [datagram] = received(listener);
  assert.notEqual(datagram, `7 from ${addressText(from)}`);
  assert.equal(home.tableSize, 2);
});

for (const [word, behaviour] of Object.entries({ fullCone, restrictedCone, portRestrictedCone })) {
  test(`two ends behind a ${word} each connect by dialling each other from the ports that a server saw`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { world, listener } = listening({ delayMs: 15 }, seed);
      const ends = (["a", "b"] as const).map((name) => {
        const behind = world.nat(`${name}'s router`, behaviour, { delayMs: 20, lossRate: 0.1 });
        return bareNode(world, name, { behind });
      });
      const [a, b] = ends;
      assert.ok(a && b);
      a.dial(at(server), 7000);
      const seenA = openedBy(world, listener);
      b.dial(at(server), 7001);
      const seenB = openedBy(world, listener);
      const streams: Partial<Record<"a" | "b", DialledStream>> = {};
      dialOften(a, seenB, 7000, (stream) => {
        streams.a = stream;
      });
      world.run(world.now + world.random("pause").below(100));
      dialOften(b, seenA, 7001, (stream) => {
        streams.b = stream;
      });
      world.runUntil(() => streams.a !== undefined && streams.b !== undefined);
      streams.a?.write(Uint8Array.of(1));
      streams.b?.write(Uint8Array.of(2));
      world.runUntil(() => streams.a?.bytes[0] === 2 && streams.b?.bytes[0] === 1);
    }
  });
}

test("a NAT that filters lets no connection in that its host has not dialled", () => {
  const { world, listener } = listening({ delayMs: 15 });
  const home = world.nat("home", portRestrictedCone, { delayMs: 5 });
  const client = bareNode(world, "client", { behind: home });
  client.dial(at(server), 7000);
  const seen = openedBy(world, listener);
  const stranger = bareNode(world, "stranger", { address: "192.0.2.9" });
  const unheard = stranger.dial(seen);
  world.run(world.now + 1000);
  assert.deepEqual(unheard.events, []);
  assert.deepEqual(drops(world), ["filtered"]);
});

test("a machine forwards from a datagram to a stream, and from a stream to a datagram", () => {
  const world = new World({ seed: 1 });
  const machine = new BareMachine();
  const relay = bareNode(world, "server", { address: "192.0.2.1", machine });
  relay.command({ type: "open", port: 2, request: { transport: "tcp", family: 4, port: 5000 } });
  const byUdp = bareNode(world, "udp", { address: "192.0.2.2" });
  const byTcp = bareNode(world, "tcp", { address: "192.0.2.3" });
  const stream = byTcp.dial(at(server));
  const far = openedBy(world, relay);
  machine.receive = (_now, port, _from, _bytes, _info, out) =>
    out.forward(port === 1 ? 2 : 1, port === 1 ? far : at("192.0.2.2:5000"), Uint8Array.of(9), 1);
  send(byUdp, server, 7);
  stream.write(Uint8Array.of(5));
  world.run(1000);
  assert.deepEqual(stream.bytes, Uint8Array.of(9, 0, 0, 0));
  assert.deepEqual(received(byUdp), [`9 from ${server}`]);
});

test("a node that sleeps neither sends nor hears segments, and goes on where it was", () => {
  const { world, listener } = listening({ delayMs: 10 });
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  const stream = client.dial(at(server));
  world.run(100);
  client.sleep();
  stream.write(Uint8Array.of(1));
  world.run(20_000);
  assert.deepEqual(pieceLengths(listener), []);
  client.awake();
  world.runUntil(() => pieceLengths(listener).length === 1, 90_000);
});

/** A world with a machine at 192.0.2.1 that listens to TCP on port 5000, as its port number 2. */
function listening(line: Parameters<World["node"]>[1], seed = 1, echoes = false): { world: World; listener: BareNode } {
  const world = new World({ seed });
  const machine = new BareMachine(echoes);
  const listener = bareNode(world, "server", { ...line, address: "192.0.2.1", machine });
  listener.command({ type: "open", port: 2, request: { transport: "tcp", family: 4, port: 5000 } });
  return { world, listener };
}

function streamNews(
  node: BareNode,
): Extract<BareNode["events"][number]["event"], { type: "stream-opened" | "stream-ended" }>[] {
  return node.events.flatMap(({ event }) =>
    event.type === "stream-opened" || event.type === "stream-ended" ? [event] : [],
  );
}

function pieceLengths(node: BareNode): number[] {
  return node.events.flatMap(({ event }) =>
    event.type === "received" && event.port === 2 ? [event.bytes.length] : [],
  );
}

/** Waits until one more stream is open at the listener; gives its far address. */
function openedBy(world: World, listener: BareNode): ReturnType<typeof at> {
  const before = streamNews(listener).length;
  world.runUntil(() => streamNews(listener).length > before, world.now + 30_000);
  const last = streamNews(listener).at(-1);
  assert.ok(last);
  return last.from;
}

/** Dials until it is connected. A full cone lets the first SYN in so early that nobody dials there yet. */
function dialOften(
  node: BareNode,
  to: ReturnType<typeof at>,
  port: number,
  use: (stream: DialledStream) => void,
): void {
  const stream = node.dial(to, port);
  stream.onEvent((event) => {
    if (event.type === "connected") use(stream);
    if (event.type === "ended") dialOften(node, to, port, use);
  });
}
