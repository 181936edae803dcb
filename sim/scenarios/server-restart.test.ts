import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone, type RouterBehaviour, symmetric } from "@fractal-punch/sim";
import { between, missing, twice } from "./places.ts";

test("the server restarts under a direct session: not one datagram is lost", () => {
  const pair = streaming(portRestrictedCone);
  pair.startServer();
  pair.pass(30_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  for (const received of [pair.requests, pair.replies]) {
    assert.deepEqual(missing(received, 3000), []);
    assert.deepEqual(twice(received), []);
  }
});

test("the server takes half a second to restart under a relayed session: at most two seconds are lost", () => {
  const pair = streaming(symmetric);
  pair.server.stop();
  pair.pass(500);
  pair.startServer();
  pair.pass(30_000);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
  for (const received of [pair.requests, pair.replies]) {
    const lost = missing(received, 3000);
    assert.ok(lost.length <= 200, `${lost.length} lost`);
    assert.deepEqual(twice(received), []);
  }
});

test("the server is away for 90 s: a direct session loses nothing, and the host is found again after it", () => {
  const pair = streaming(portRestrictedCone);
  pair.server.stop();
  pair.pass(90_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  const backAt = pair.world.now;
  pair.startServer();
  pair.world.runUntil(() => pair.hostEvents("registered").some(({ atMs }) => atMs > backAt), backAt + 10_000);
  assert.deepEqual(missing(pair.requests, 3000), []);
  assert.deepEqual(missing(pair.replies, 3000), []);
});

test("the server is away for 90 s: a relayed session goes on within five seconds of its return", () => {
  const pair = new Pair(between(symmetric, symmetric)).begin().connected();
  pair.stream(1200, 100);
  pair.pass(5000);
  pair.server.stop();
  pair.pass(90_000);
  const before = pair.requests.length;
  const backAt = pair.world.now;
  pair.startServer();
  pair.world.runUntil(() => pair.requests.length > before, backAt + 5000);
  pair.pass(15_000);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
  const lost = missing(pair.requests, 1000).filter((index) => index * 100 > backAt + 5000);
  assert.deepEqual(lost, []);
});

test("the server restarts while the host is idle: it says that it is registered again, within 20 s", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  pair.pass(300_000);
  const restartedAt = pair.world.now;
  pair.startServer();
  pair.world.runUntil(() => pair.hostEvents("registered").some(({ atMs }) => atMs > restartedAt), restartedAt + 20_500);
  pair.connected();
});

test("the host says once that the server is away, and once that it is registered again", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  pair.server.stop();
  pair.pass(300_000);
  assert.equal(pair.hostEvents("unreachable").length, 1);
  pair.startServer();
  pair.pass(30_000);
  assert.equal(pair.hostEvents("registered").length, 2);
});

test("the server restarts while a session is idle: it stays within reach", () => {
  const pair = new Pair(between(symmetric, symmetric)).begin().connected();
  pair.pass(120_000);
  pair.startServer();
  pair.pass(45_000);
  pair.send("to the host");
  pair.sendBack("to the client");
  pair.pass(1000);
  assert.deepEqual(
    [...pair.requests, ...pair.replies].map(({ text }) => text),
    ["to the host", "to the client"],
  );
});

/** A session with a stream both ways, five seconds old. */
function streaming(both: RouterBehaviour): Pair {
  const pair = new Pair(between(both, both)).begin().connected();
  pair.stream(3000, 10);
  pair.streamBack(3000, 10);
  return pair.pass(5000);
}
