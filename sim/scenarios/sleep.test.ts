import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone, symmetric } from "@fractal-punch/sim";
import { between, missing } from "./places.ts";

const minute = 60_000;

for (const [name, both] of Object.entries({ direct: portRestrictedCone, relayed: symmetric }))
  for (const minutes of [1, 4, 9])
    test(`a client that slept for ${minutes} min goes on with its ${name} session within three seconds`, () => {
      const pair = new Pair(between(both, both)).begin().connected().pass(5000);
      sleep(pair, minutes * minute);
      const wokenAt = pair.world.now;
      pair.stream(1000, 10);
      pair.streamBack(1000, 10);
      pair.world.runUntil(() => pair.requests.length > 0 && pair.replies.length > 0, wokenAt + 3000);
      pair.pass(12_000);
      assert.deepEqual(pair.paths, [name, name]);
      assert.equal(pair.hostEvents("session").length, 1, "it is the same session at the host");
      assert.deepEqual(pair.clientEvents("closed"), []);
      assert.deepEqual(
        missing(pair.requests, 1000).filter((index) => index > 300),
        [],
      );
      assert.deepEqual(
        missing(pair.replies, 1000).filter((index) => index > 300),
        [],
      );
    });

test("after ten minutes of sleep the session is lost at both ends", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin().connected().pass(5000);
  sleep(pair, 11 * minute);
  pair.pass(1000);
  assert.deepEqual(
    [...pair.clientEvents("closed"), ...pair.hostEvents("closed")].map(({ event }) => event.reason),
    ["lost", "lost"],
  );
});

test("a host that slept for four minutes registers again, and its session goes on", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin().connected().pass(5000);
  const [line] = pair.host.interfaces;
  assert.ok(line);
  line.isUp = false;
  pair.pass(4 * minute);
  line.isUp = true;
  pair.tellInterfaces(pair.host);
  pair.stream(1000, 10);
  pair.pass(25_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  assert.equal(pair.hostEvents("session").length, 1);
  assert.ok(pair.requests.length > 0);
});

/** The client's interfaces are down for that long; its clock runs on, as it does in a suspended machine. */
function sleep(pair: Pair, ms: number): void {
  const [line] = pair.client.interfaces;
  assert.ok(line);
  line.isUp = false;
  pair.pass(ms);
  line.isUp = true;
  pair.tellInterfaces(pair.client);
}
