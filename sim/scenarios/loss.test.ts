import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone, type RouterBehaviour, symmetric } from "@fractal-punch/sim";
import { between } from "./places.ts";

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
