import assert from "node:assert/strict";
import { test } from "node:test";
import { clientSession } from "@fractal-punch/peer/core";
import { Pair, portRestrictedCone, type RouterBehaviour, symmetric } from "@fractal-punch/sim";
import { between, missing, twice } from "./places.ts";

const minute = 60_000;
const hour = 60 * minute;

for (const [name, both] of Object.entries({ direct: portRestrictedCone, relayed: symmetric })) {
  test(`over an hour of a slow stream a ${name} session changes its keys and loses nothing`, () => {
    const pair = settled(both);
    pair.stream(3600, 1000);
    pair.streamBack(3600, 1000);
    pair.pass(hour + 1000);
    assert.deepEqual(pair.paths, [name, name]);
    for (const received of [pair.requests, pair.replies]) {
      assert.deepEqual(missing(received, 3600), []);
      assert.deepEqual(twice(received), []);
    }
    assert.deepEqual(pair.clientEvents("closed"), []);
  });

  test(`an idle ${name} session lives on keepalives, and a relayed one on a round a minute: under 2 datagrams a second`, () => {
    const pair = settled(both);
    pair.pass(minute);
    const before = pair.world.log.length;
    pair.pass(30 * minute);
    const sent = pair.world.log.length - before;
    assert.ok(sent / (30 * 60) <= (name === "direct" ? 1 : 2), `${sent} datagrams in half an hour`);
    assert.deepEqual(pair.paths, [name, name]);
  });
}

test("the first datagram after half an hour of idleness goes over both paths, and arrives once", () => {
  const pair = settled(portRestrictedCone);
  pair.pass(30 * minute);
  const before = pair.world.log.length;
  pair.send("hello");
  const ways = pair.world.log.slice(before).filter(({ lengthBytes }) => lengthBytes >= 38);
  assert.deepEqual(ways.map(({ firstByte }) => (firstByte < 0x40 ? "direct" : "relayed")).toSorted(), [
    "direct",
    "relayed",
  ]);
  pair.pass(1000);
  assert.deepEqual(
    pair.requests.map(({ text }) => text),
    ["hello"],
  );
});

test("a direct path that died while idle costs the first datagrams after it nothing", () => {
  const pair = settled(portRestrictedCone);
  pair.pass(10 * minute);
  pair.world.cut(pair.client, pair.host);
  pair.pass(1000);
  pair.stream(1000, 10);
  pair.pass(12_000);
  assert.ok(missing(pair.requests, 1000).length <= 120);
  assert.ok(pair.requests.some(({ text }) => text === "0"));
});

test("a session is forgotten ten minutes after its last authentic packet, and leaves nothing behind", () => {
  const pair = settled(portRestrictedCone);
  pair.client.stop();
  const stoppedAt = pair.world.now;
  pair.pass(10 * minute + 30_000);
  const [closed] = pair.hostEvents("closed");
  assert.equal(closed?.event.reason, "lost");
  assert.ok(Math.abs((closed?.atMs ?? 0) - stoppedAt - 10 * minute) <= 20_500);
  assert.equal(pair.serverSizes?.channels, 0);
  assert.equal(pair.serverSizes?.introductions, 0);
  assert.equal(pair.serverSizes?.tuples, 1, "the host's own registration");
});

test("a client that closes just after its host came back, its relay still given up, is heard", () => {
  const pair = settled(symmetric);
  pair.stream(1000, 100);
  pair.world.cut(pair.host, pair.server);
  pair.pass(2500);
  pair.world.heal(pair.host, pair.server);
  const received = pair.requests.length;
  pair.world.runUntil(() => pair.requests.length > received);
  pair.client.command({ type: "close", session: clientSession, reason: "done" });
  pair.pass(1000);
  assert.equal(pair.hostEvents("closed").length, 1);
});

test("a client whose host has vanished says so after ten minutes, and wakes no more", () => {
  const pair = settled(portRestrictedCone);
  pair.host.stop();
  const stoppedAt = pair.world.now;
  pair.pass(11 * minute);
  const [closed] = pair.clientEvents("closed");
  assert.equal(closed?.event.reason, "lost");
  assert.ok(Math.abs((closed?.atMs ?? 0) - stoppedAt - 10 * minute) <= 20_500);
  assert.equal(pair.client.nextWake(), Infinity);
  pair.pass(2 * minute);
  const { channels, introductions, tuples, registrations } = pair.serverSizes ?? {};
  assert.deepEqual(
    { channels, introductions, tuples, registrations },
    { channels: 0, introductions: 0, tuples: 0, registrations: 0 },
  );
});

for (const closing of ["client", "host"] as const)
  test(`a close by the ${closing} ends the session at both ends at once, and leaves nothing behind`, () => {
    const pair = settled(portRestrictedCone);
    const session = closing === "host" ? pair.hostSession : 1;
    pair[closing].command({ type: "close", session, reason: "done" });
    pair.pass(100);
    assert.deepEqual(
      [pair.clientEvents("closed")[0]?.event.byPeer, pair.hostEvents("closed")[0]?.event.byPeer],
      [closing === "host", closing === "client"],
    );
    assert.equal(pair.client.nextWake(), Infinity);
    pair.pass(3 * minute);
    assert.equal(pair.serverSizes?.channels, 0);
    pair.host.command({ type: "stop" });
    pair.pass(20 * minute);
    assert.equal(pair.host.nextWake(), Infinity);
    assert.equal(pair.serverSizes?.registrations, 0);
    assert.equal(pair.serverSizes?.tuples, 0);
  });

function settled(both: RouterBehaviour): Pair {
  return new Pair(between(both, both)).begin().connected().pass(5000);
}

// 2^20 ms after the start a sum of times has less room for fractions than its summands.
for (const [what, live] of Object.entries({
  "a session is forgotten ten minutes after its last packet": (pair: Pair, fraction: number) => {
    pair
      .begin()
      .connected()
      .pass(500_000 + fraction);
    pair.client.stop();
    pair.world.runUntil(() => pair.hostEvents("closed").length > 0, pair.world.now + 620_000);
  },
  "a connect that nothing answers is given up": (pair: Pair, fraction: number) => {
    pair.pass(1_040_000 + fraction);
    pair.connect();
    pair.failure(12_000);
  },
}))
  test(`${what}, whatever fraction of a ms that was at`, () => {
    for (let i = 0; i < 24; i++) live(new Pair({ seed: i, client: { delayMs: 20 + i * 0.0173 } }), i * 0.0217);
  });
