import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone } from "@fractal-punch/sim";
import { between } from "./places.ts";

const hour = 3_600_000;

for (const offset of [hour, -hour]) {
  const word = offset > 0 ? "fast" : "slow";

  test(`a client whose clock is an hour ${word} connects after one refusal: one round trip to the server later`, () => {
    const pair = clocks(offset, 0).begin().echo().sendOnceConnected("hello");
    const start = pair.world.now;
    pair.connect();
    pair.world.runUntil(() => pair.replies.length > 0, start + 5000);
    assert.equal(pair.replies[0]?.atMs, start + 2 * 35 + 35 + 25 + 3 * 30);
  });

  test(`a host whose clock is an hour ${word} is reached as fast as any, with early data too`, () => {
    const pair = clocks(0, offset).begin().echo();
    const start = pair.world.now;
    pair.connect({ earlyData: "hello" });
    pair.world.runUntil(() => pair.replies.length > 0, start + 5000);
    assert.equal(pair.replies[0]?.atMs, start + 35 + 25 + 30);
  });

  test(`with both clocks an hour ${word} they connect, and early data is taken`, () => {
    const pair = clocks(offset, offset).begin().echo();
    pair.connect({ earlyData: "hello" });
    pair.world.runUntil(() => pair.replies.length > 0, pair.world.now + 5000);
    assert.equal(pair.clientEvents("connected")[0]?.event.earlyDataTaken, true);
    assert.deepEqual(
      pair.requests.map(({ text }) => text),
      ["hello"],
    );
  });
}

test("a client an hour fast and a host an hour slow connect", () => {
  clocks(hour, -hour).begin().connected();
});

test("a host whose clock is put right while it runs goes on taking clients at once", () => {
  const pair = clocks(0, hour).begin();
  pair.host.shiftClock(-hour);
  pair.pass(1000);
  pair.connected();
});

test("a client whose clock is put right under a session goes on, through a move and a rekey", () => {
  const pair = clocks(hour, 0).begin().connected().pass(5000);
  pair.client.shiftClock(-hour);
  pair.move(pair.client, { behind: pair.world.nat("café", portRestrictedCone, { delayMs: 20 }) });
  pair.pass(5000);
  pair.send("hello");
  pair.pass(200_000);
  pair.send("again");
  pair.pass(1000);
  assert.deepEqual(
    pair.requests.map(({ text }) => text),
    ["hello", "again"],
  );
  assert.deepEqual(pair.paths, ["direct", "direct"]);
});

test("a client whose clock jumps while it comes back to a host that was restarted has a session again in four seconds", () => {
  const pair = clocks(0, 0).begin().connected().pass(3000);
  pair.stream(1500, 10);
  pair.startHost();
  pair.world.runUntil(() => hasIntroduction(pair, 3200), pair.world.now + 5000);
  pair.client.shiftClock(-hour);
  pair.pass(4000);
  const before = pair.requests.length;
  pair.pass(1000);
  assert.ok(pair.requests.length >= before + 95, `${pair.requests.length - before} of 100`);
});

test("a server whose clock is put right goes on with hosts and clients that were there", () => {
  const pair = clocks(0, 0).begin().connected().pass(5000);
  pair.server.shiftClock(hour);
  pair.pass(120_000);
  pair.connected();
  assert.equal(pair.hostEvents("session").length, 2);
});

/** Whether the server has answered a Connect since then, with a channel. */
function hasIntroduction(pair: Pair, sinceMs: number): boolean {
  const answers = pair.world.log.filter(({ from, to }) => from === "server" && to === "client");
  return answers.some(
    ({ sentAtMs, firstByte, lengthBytes }) => sentAtMs > sinceMs && firstByte === 3 && lengthBytes > 130,
  );
}

function clocks(clientOffsetMs: number, hostOffsetMs: number): Pair {
  return new Pair(
    between(portRestrictedCone, portRestrictedCone, {
      client: { clockOffsetMs: clientOffsetMs },
      host: { clockOffsetMs: hostOffsetMs },
      earlyData: true,
    }),
  );
}
