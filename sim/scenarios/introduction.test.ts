import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone, symmetric } from "@fractal-punch/sim";

// One-way delays to the middle: client 20, host 10, server 15 ms. So c = 35, h = 25 and d = 30.
const delays = { client: { delayMs: 20 }, host: { delayMs: 10 }, server: { delayMs: 15 } };

test("behind two port-restricted cones the first answer comes at c+h+3d", () => {
  const pair = new Pair(behind(portRestrictedCone)).begin().echo().sendOnceConnected("hello");
  const start = pair.world.now;
  pair.connect();
  pair.world.runUntil(() => pair.replies.length > 0, start + 5000);
  assert.deepEqual(pair.replies, [{ atMs: start + 35 + 25 + 3 * 30, text: "hello", via: "direct" }]);
});

test("with early data the first answer comes at c+h+d", () => {
  const pair = new Pair({ ...behind(portRestrictedCone), earlyData: true }).begin().echo();
  const start = pair.world.now;
  pair.connect({ earlyData: "hello" });
  pair.world.runUntil(() => pair.replies.length > 0, start + 5000);
  assert.deepEqual(pair.replies, [{ atMs: start + 35 + 25 + 30, text: "hello", via: "direct" }]);
});

test("relayed, with early data, the first answer comes at 2c+2h", () => {
  const pair = new Pair({ ...behind(symmetric), earlyData: true }).begin().echo();
  const start = pair.world.now;
  pair.connect({ earlyData: "hello" });
  pair.world.runUntil(() => pair.replies.length > 0, start + 5000);
  assert.deepEqual(pair.replies, [{ atMs: start + 2 * 35 + 2 * 25, text: "hello", via: "relayed" }]);
});

test("the session is relayed first, and direct a round trip after the handshake", () => {
  const pair = new Pair(behind(portRestrictedCone)).begin();
  const start = pair.world.now;
  pair.connect();
  pair.world.run(start + 1000);
  const paths = pair.clientEvents("path").map(({ atMs, event }) => [atMs - start, event.path.kind]);
  assert.deepEqual(paths, [
    [90, "relayed"],
    [150, "direct"],
  ]);
  assert.equal(pair.hostPath, "direct");
});

function behind(behaviour: typeof portRestrictedCone): ConstructorParameters<typeof Pair>[0] {
  return {
    client: { ...delays.client, behind: behaviour },
    host: { ...delays.host, behind: behaviour },
    server: delays.server,
  };
}
