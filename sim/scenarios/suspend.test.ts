import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone, symmetric } from "@fractal-punch/sim";
import { between, missing } from "./places.ts";

const minute = 60_000;

for (const [name, both] of Object.entries({ direct: portRestrictedCone, relayed: symmetric }))
  for (const minutes of [1, 4, 9]) {
    test(`a client that was suspended for ${minutes} min goes on with its ${name} session within three seconds`, () => {
      const pair = suspended("client", both, minutes);
      goesOn(pair, name);
    });

    test(`a host that was suspended for ${minutes} min goes on with its ${name} session within three seconds`, () => {
      const pair = suspended("host", both, minutes);
      goesOn(pair, name);
    });
  }

test("a client that was suspended for an hour goes on within three seconds, though the host has a new session for it", () => {
  const pair = suspended("client", portRestrictedCone, 60);
  const wokenAt = pair.world.now;
  pair.stream(1000, 10);
  pair.world.runUntil(() => pair.requests.length > 0, wokenAt + 3000);
  assert.deepEqual(
    pair.hostEvents("closed").map(({ event }) => event.reason),
    ["lost"],
  );
  assert.equal(pair.hostEvents("session").length, 2);
  pair.pass(15_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
});

test("a host that was suspended for an hour is registered and found again within three seconds", () => {
  const pair = suspended("host", portRestrictedCone, 60);
  pair.pass(3000);
  const start = pair.world.now;
  pair.connect();
  pair.world.runUntil(() => pair.clientEvents("connected").some(({ atMs }) => atMs > start), start + 1000);
});

function suspended(end: "client" | "host", both: typeof portRestrictedCone, minutes: number): Pair {
  const pair = new Pair(between(both, both)).begin().connected().pass(10_000);
  pair[end].sleep();
  pair.pass(minutes * minute);
  pair[end].awake();
  return pair;
}

function goesOn(pair: Pair, path: string): void {
  const wokenAt = pair.world.now;
  pair.stream(1000, 10);
  pair.streamBack(1000, 10);
  pair.world.runUntil(() => pair.requests.length > 0 && pair.replies.length > 0, wokenAt + 3000);
  pair.pass(15_000);
  assert.deepEqual(pair.paths, [path, path]);
  assert.equal(pair.hostEvents("session").length, 1, "it is the same session at the host");
  assert.deepEqual(
    missing(pair.requests, 1000).filter((index) => index > 300),
    [],
  );
  assert.deepEqual(
    missing(pair.replies, 1000).filter((index) => index > 300),
    [],
  );
}
