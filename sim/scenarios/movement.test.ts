import assert from "node:assert/strict";
import { test } from "node:test";
import { ipAddress, Pair, portRestrictedCone, type Router, symmetric, World } from "@fractal-punch/sim";
import { between, delays, missing, twice } from "./places.ts";

test("the client's NAT gets another address under a direct session: relayed at once, direct again, little is lost", () => {
  const { pair, home } = atHome(portRestrictedCone);
  pair.stream(3000, 10);
  pair.streamBack(3000, 10);
  pair.pass(2000);
  home.renumber([ipAddress("198.51.100.77")]);
  pair.pass(10_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  pair.pass(20_000);
  assert.ok(missing(pair.requests, 3000).length <= 120, `to the host: ${missing(pair.requests, 3000).length} lost`);
  assert.ok(missing(pair.replies, 3000).length <= 200, `to the client: ${missing(pair.replies, 3000).length} lost`);
  assert.deepEqual([...twice(pair.requests), ...twice(pair.replies)], []);
});

for (const end of ["client", "host"] as const)
  test(`the ${end} moves to another network, and its system says so: at most half a second is lost, either way`, () => {
    const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin().connected();
    pair.untilPath("direct");
    pair.stream(1000, 10);
    pair.streamBack(1000, 10);
    pair.pass(2000);
    pair.move(pair[end], { behind: pair.world.nat("new home", portRestrictedCone, delays[end]) });
    pair.pass(10_000);
    assert.deepEqual(pair.paths, ["direct", "direct"]);
    for (const received of [pair.requests, pair.replies]) {
      const lost = missing(received, 1000);
      assert.ok(lost.length <= 50, `${lost.length} lost`);
    }
  });

test("the client's NAT gets another address under a relayed session: it goes on within two seconds", () => {
  const { pair, home } = atHome(symmetric, symmetric);
  pair.stream(3000, 10);
  pair.streamBack(3000, 10);
  pair.pass(5000);
  home.renumber([ipAddress("198.51.100.77")]);
  pair.pass(26_000);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
  for (const received of [pair.requests, pair.replies]) {
    const lost = missing(received, 3000);
    assert.ok(lost.length <= 200, `${lost.length} lost`);
    assert.deepEqual(twice(received), []);
  }
});

test("the client's NAT is switched off and on: it goes on within two seconds, direct again", () => {
  const { pair, home } = atHome(portRestrictedCone);
  pair.stream(3000, 10);
  pair.streamBack(3000, 10);
  pair.pass(2000);
  home.reboot();
  pair.pass(31_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  for (const received of [pair.requests, pair.replies]) assert.ok(missing(received, 3000).length <= 200);
});

test("the host's NAT is switched off and on: it goes on within two seconds, direct again", () => {
  const world = new World({ seed: 1 });
  const home = world.nat("host's home", portRestrictedCone, delays.host);
  const pair = new Pair(
    { ...delays, client: { ...delays.client, behind: portRestrictedCone }, host: { behind: home } },
    world,
  );
  pair.begin().connected();
  pair.untilPath("direct");
  pair.stream(3000, 10);
  pair.streamBack(3000, 10);
  pair.pass(2000);
  home.renumber([ipAddress("198.51.100.78")]);
  pair.pass(31_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  for (const received of [pair.requests, pair.replies]) {
    const lost = missing(received, 3000);
    assert.ok(lost.length <= 250, `${lost.length} lost`);
  }
});

test("the client goes from one home to another: the session goes on within two seconds, direct again", () => {
  const { pair } = atHome(portRestrictedCone);
  const other = pair.world.nat("café", portRestrictedCone, delays.client);
  pair.stream(3000, 10);
  pair.streamBack(3000, 10);
  pair.pass(2000);
  pair.move(pair.client, { behind: other });
  pair.pass(31_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  for (const received of [pair.requests, pair.replies]) {
    const lost = missing(received, 3000);
    assert.ok(lost.length <= 120, `${lost.length} lost`);
  }
});

test("the client goes to a network behind a symmetric NAT: the session goes on, relayed", () => {
  const { pair } = atHome(portRestrictedCone);
  const other = pair.world.nat("office", symmetric, delays.client);
  pair.stream(3000, 10);
  pair.pass(2000);
  pair.move(pair.client, { behind: other });
  pair.pass(31_000);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
  assert.ok(missing(pair.requests, 3000).length <= 120);
});

test("the host goes from one home to another: the session goes on within two seconds, and new clients find it", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin().connected();
  pair.untilPath("direct");
  const other = pair.world.nat("other home", portRestrictedCone, delays.host);
  pair.stream(3000, 10);
  pair.streamBack(3000, 10);
  pair.pass(2000);
  const movedAt = pair.world.now;
  pair.move(pair.host, { behind: other });
  pair.world.runUntil(() => pair.hostEvents("registered").some(({ atMs }) => atMs >= movedAt), movedAt + 1000);
  pair.pass(31_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  for (const received of [pair.requests, pair.replies]) {
    const lost = missing(received, 3000);
    assert.ok(lost.length <= 200, `${lost.length} lost`);
  }
});

test("an idle client that moves stays within reach: what the host sends a minute later arrives", () => {
  const { pair } = atHome(portRestrictedCone);
  pair.pass(60_000);
  pair.move(pair.client, { behind: pair.world.nat("café", portRestrictedCone, delays.client) });
  pair.pass(60_000);
  pair.sendBack("hello");
  pair.pass(1000);
  assert.deepEqual(
    pair.replies.map(({ text }) => text),
    ["hello"],
  );
});

test("an idle client whose NAT gets another address without a word stays within reach after the next keepalive", () => {
  const { pair, home } = atHome(portRestrictedCone);
  pair.pass(60_000);
  home.renumber([ipAddress("198.51.100.77")]);
  pair.pass(25_000);
  pair.sendBack("hello");
  pair.pass(1000);
  assert.deepEqual(
    pair.replies.map(({ text }) => text),
    ["hello"],
  );
});

test("a client that moves again while it is coming back, for the host is away, comes back at once when the host does", () => {
  const { pair } = atHome(symmetric, symmetric);
  const [hostLine] = pair.host.interfaces;
  assert.ok(hostLine);
  pair.stream(60_000, 10);
  hostLine.isUp = false;
  pair.pass(20_000);
  pair.move(pair.client, { behind: pair.world.nat("café", symmetric, delays.client) });
  pair.pass(20_000);
  const before = pair.requests.length;
  hostLine.isUp = true;
  pair.world.runUntil(() => pair.requests.length > before, pair.world.now + 3000);
});

test("a client whose NAT gets another address does not take it for a symmetric one", () => {
  const { pair, home } = atHome(portRestrictedCone, symmetric);
  assert.deepEqual(pair.reasons, ["symmetric-there", "symmetric-here"]);
  home.renumber([ipAddress("198.51.100.77")]);
  pair.stream(60, 500);
  pair.pass(30_000);
  assert.deepEqual(pair.reasons, ["symmetric-there", "symmetric-here"]);
});

/** A client at home, whose router is known, with a session that has been up for some seconds. */
function atHome(client: typeof portRestrictedCone, host = portRestrictedCone): { pair: Pair; home: Router } {
  const world = new World({ seed: 1 });
  const home = world.nat("home", client, delays.client);
  const pair = new Pair({ ...delays, client: { behind: home }, host: { ...delays.host, behind: host } }, world);
  pair.begin().connected().pass(3000);
  return { pair, home };
}
