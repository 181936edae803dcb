import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone } from "@fractal-punch/sim";
import { between, missing, twice } from "./places.ts";

test("a cut of the direct path costs a stream at most 1.2 s of its datagrams, and is relayed within 2 s", () => {
  const pair = direct();
  pair.stream(1000, 10);
  pair.streamBack(1000, 10);
  pair.pass(3000);
  const cutAt = pair.world.now;
  pair.world.cut(pair.client, pair.host);
  pair.world.runUntil(() => pair.paths.join() === "relayed,relayed", cutAt + 2000);
  pair.pass(8000);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
  assert.deepEqual(pair.reasons, ["direct-lost", "direct-lost"]);
  for (const received of [pair.requests, pair.replies]) {
    assert.deepEqual(twice(received), []);
    const lost = missing(received, 1000);
    assert.ok(lost.length <= 120, `${lost.length} lost`);
    assert.ok(
      lost.every((index) => index >= 299 - 4 && index <= 420),
      `lost ${lost.join()}`,
    );
  }
});

test("after the cut is healed the session is direct again by itself, and loses nothing on the way", () => {
  const pair = direct();
  pair.world.cut(pair.client, pair.host);
  pair.stream(6000, 10);
  pair.untilPath("relayed");
  pair.pass(20_000);
  const healedAt = pair.world.now;
  pair.world.heal(pair.client, pair.host);
  pair.world.runUntil(() => pair.paths.join() === "direct,direct", healedAt + 12_000);
  pair.pass(61_000 - pair.world.now);
  assert.deepEqual(pair.reasons, ["direct", "direct"]);
  assert.deepEqual(
    missing(pair.requests, 6000).filter((index) => index > 200),
    [],
  );
  assert.deepEqual(twice(pair.requests), []);
});

for (const way of ["client to host", "host to client"] as const) {
  test(`a cut of one way, ${way}, is as good as a cut of both`, () => {
    const pair = direct();
    const [from, to] = way === "client to host" ? [pair.client, pair.host] : [pair.host, pair.client];
    pair.stream(2000, 10);
    pair.streamBack(2000, 10);
    pair.pass(2000);
    const cutAt = pair.world.now;
    pair.world.cutOneWay(from, to);
    pair.world.runUntil(() => pair.paths.join() === "relayed,relayed", cutAt + 2000);
    pair.pass(20_000);
    for (const received of [pair.requests, pair.replies]) {
      const lost = missing(received, 2000);
      assert.ok(lost.length <= 120, `${lost.length} lost`);
      assert.deepEqual(twice(received), []);
    }
    pair.world.heal(pair.client, pair.host);
    pair.untilPath("direct", 12_000);
  });
}

test("a direct path that loses 30 % loses to the relay within 6 s, and comes back when it is healed", () => {
  const pair = direct();
  pair.stream(9000, 10);
  pair.world.impair(pair.client, pair.host, { lossRate: 0.3 });
  pair.untilPath("relayed", 6000);
  pair.pass(40_000 - pair.world.now);
  const lost = missing(pair.requests, 3900);
  assert.ok(
    lost.every((index) => index < 700),
    `once it is relayed nothing is lost: ${lost.join()}`,
  );
  for (const reason of pair.reasons) assert.match(reason ?? "", /^direct-(lossy|lost)$/);
  pair.world.heal(pair.client, pair.host);
  pair.world.runUntil(() => pair.paths.join() === "direct,direct", pair.world.now + 30_000);
  assert.deepEqual(pair.reasons, ["direct", "direct"]);
});

test("while direct and relayed path are both cut, the session waits, and goes on when either is healed", () => {
  const pair = direct();
  pair.stream(6000, 10);
  pair.pass(1000);
  pair.world.cut(pair.client, pair.host);
  pair.world.cut(pair.client, pair.server);
  pair.pass(30_000);
  pair.world.heal(pair.client, pair.server);
  const healedAt = pair.world.now;
  const before = pair.requests.length;
  pair.world.runUntil(() => pair.requests.length > before, healedAt + 5000);
  assert.equal(pair.requests.at(-1)?.via, "relayed");
});

function direct(): Pair {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin().connected();
  pair.untilPath("direct");
  pair.world.runUntil(() => pair.hostPath === "direct");
  return pair;
}
