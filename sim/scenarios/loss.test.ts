import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone, type RouterBehaviour, symmetric } from "@fractal-punch/sim";
import { between, missing } from "./places.ts";

const pairs: Record<string, RouterBehaviour> = { direct: portRestrictedCone, relayed: symmetric };

for (const [name, nat] of Object.entries(pairs)) {
  test(`with 5 % lost on every leg the first answer is there in twice the limit mostly, in two seconds always (${name})`, () => {
    const times = Array.from({ length: 60 }, (_, seed) => firstAnswerMs(nat, 0.025, seed, 2000)).toSorted(
      (a, b) => a - b,
    );
    const limit = name === "direct" ? 35 + 25 + 3 * 30 : 4 * (35 + 25);
    assert.ok((times[30] ?? Infinity) <= 2 * limit, `median ${times[30]} ms`);
  });

  test(`with a fifth lost on every leg there is an answer within ten seconds (${name})`, () => {
    for (let seed = 0; seed < 60; seed++) firstAnswerMs(nat, 0.1, seed, 10_000);
  });
}

test("a host repeats its second message with its probes until the client has it", () => {
  const pair = new Pair(between(symmetric, symmetric)).begin();
  const start = pair.world.now;
  pair.connect();
  pair.world.run(start + 40);
  pair.world.cut(pair.client, pair.server);
  pair.world.run(start + 200);
  pair.world.heal(pair.client, pair.server);
  pair.world.cutOneWay(pair.client, pair.server);
  pair.world.runUntil(() => pair.clientEvents("connected").length > 0, start + 1000);
  // The introduction was at the host after c + h, and a relayed path is probed every 300 ms.
  assert.equal(pair.world.now, start + 35 + 25 + 300 + 25 + 35);
});

test("until a client that comes back has its new keys, what the host sends is still readable to it", () => {
  const pair = new Pair(between(symmetric, symmetric)).begin().connected();
  pair.send("hello");
  pair.pass(1000);
  const cutAtMs = pair.world.now;
  pair.world.cutOneWay(pair.server, pair.client);
  pair.world.runUntil(() => broughtFirstMessage(pair, cutAtMs), cutAtMs + 20_000);
  // Long enough for the second message to be lost, and too short for the host to send it again.
  pair.pass(100);
  pair.world.heal(pair.server, pair.client);
  pair.world.cutOneWay(pair.client, pair.server);
  pair.streamBack(10, 10);
  pair.pass(150);
  assert.deepEqual(missing(pair.replies, 10), []);
});

/** Whether the host has got an introduction since then that is long enough for a whole first message. */
function broughtFirstMessage(pair: Pair, sinceMs: number): boolean {
  const toHost = pair.world.log.filter(({ from, to }) => from === "server" && to === "host");
  return toHost.some(({ sentAtMs, lengthBytes }) => sentAtMs > sinceMs && lengthBytes > 240);
}

/** From connecting to the first echo of a stream; both lines of a leg lose that share. */
function firstAnswerMs(nat: RouterBehaviour, lossRate: number, seed: number, withinMs: number): number {
  const pair = new Pair({ ...between(nat, nat), seed }).begin().echo();
  for (const { line } of [pair.client, pair.host, pair.server]) line.change({ lossRate });
  pair.client.onEvent((event) => {
    if (event.type === "connected") pair.stream(200, 50);
  });
  const start = pair.world.now;
  pair.connect();
  return pair.world.runUntil(() => pair.replies.length > 0, start + withinMs) - start;
}
