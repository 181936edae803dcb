import assert from "node:assert/strict";
import { test } from "node:test";
import { addressFromText } from "@fractal-punch/machine";
import { Path } from "../../dist/core/path.js";
import type { Route } from "../../dist/core/route.js";

test("a round probes at 0, 5, 15, 35 ms and so on, doubling, for two seconds", () => {
  const path = direct();
  path.tryAt(1000);
  assert.deepEqual(probeTimes(path), [1000, 1005, 1015, 1035, 1075, 1155, 1315, 1635, 2275]);
  assert.equal(path.trying(2999), true);
  assert.equal(path.trying(3000), false);
});

test("a second round begins anew with short gaps", () => {
  const path = direct();
  path.tryAt(0);
  probeTimes(path);
  path.tryAt(5000);
  assert.deepEqual(probeTimes(path).slice(0, 4), [5000, 5005, 5015, 5035]);
});

test("a path whose allowance is used up is probed no more, but twice when something authentic came, until it is proven", () => {
  const path = direct(3);
  path.tryAt(0);
  assert.deepEqual(probeTimes(path), [0, 5, 15]);
  path.allowance = 0;
  path.heard(20);
  assert.equal(path.allowance, 2);
  path.probed(20, 9, true);
  path.replied(30, 9, true);
  assert.equal(path.allowance, Infinity);
});

test("an address that is only expected to work is not probed", () => {
  const path = direct();
  path.expect(0);
  assert.equal(path.nextProbeAtMs, Infinity);
  assert.equal(path.trying(1999), true);
});

test("a path is proven by the reply to a probe of its own, once, and by nothing else", () => {
  const path = direct();
  path.tryAt(0);
  path.probed(0, 7, true);
  path.heard(10);
  assert.equal(path.proven, false);
  assert.equal(path.replied(30, 8, true), false, "none of ours");
  assert.equal(path.proven, false);
  assert.equal(path.replied(30, 7, true), true);
  assert.equal(path.proven, true);
  assert.equal(path.replied(31, 7, true), false, "came twice");
});

test("the round trip is the first sample, then a moving average of eighths", () => {
  const path = proven(40);
  assert.equal(path.rttMs, 40);
  path.probed(1000, 1, true);
  path.replied(1120, 1, true);
  assert.equal(path.rttMs, 50);
});

test("a proven path is doubted after 600 ms and dead after 1.2 s without a reply to a probe", () => {
  const path = proven(10);
  path.probed(1000, 1, true);
  path.probed(1300, 2, true);
  assert.deepEqual([path.suspect(1600), path.suspect(1601)], [false, true]);
  assert.deepEqual([path.dead(2200), path.dead(2201)], [false, true]);
  assert.equal(path.judgedAtMs, 2201, "this is when it is to be looked at");
});

test("where the round trip is long, it is doubted after two of them and dead after four", () => {
  const path = proven(500);
  path.probed(1000, 1, true);
  assert.deepEqual([path.suspect(2000), path.suspect(2001)], [false, true]);
  assert.deepEqual([path.dead(3000), path.dead(3001)], [false, true]);
});

test("silence without a probe on the way is no reason for doubt", () => {
  const path = proven(10);
  assert.equal(path.suspect(1_000_000), false);
  assert.equal(path.dead(1_000_000), false);
  assert.equal(path.judgedAtMs, Infinity);
});

test("a reply clears the doubt: what was sent before it no longer counts", () => {
  const path = proven(10);
  path.probed(1000, 1, true);
  path.probed(1300, 2, true);
  path.replied(1310, 2, true);
  assert.equal(path.dead(10_000), false);
});

test("a path at work is probed every 300 ms, an idle one every 20 s", () => {
  const path = proven(10);
  path.probed(1000, 1, true);
  assert.equal(path.nextProbeAtMs, 1300);
  path.replied(1010, 1, true);
  assert.equal(path.nextProbeAtMs, 1310);
  path.probed(1310, 2, false);
  path.replied(1320, 2, false);
  assert.equal(path.nextProbeAtMs, 21_320);
});

test("an idle path's probe is followed up before the path is given up", () => {
  const path = proven(10);
  path.probed(20_000, 1, false);
  assert.equal(path.nextProbeAtMs, 20_600);
  path.probed(20_600, 2, false);
  assert.equal(path.nextProbeAtMs, 20_900);
});

test("when the application is back at work, an idle path is probed at once", () => {
  const path = proven(10);
  path.probed(1000, 1, false);
  path.replied(1010, 1, false);
  path.wakeUp(5000);
  assert.equal(path.nextProbeAtMs, 5000);
  path.probed(5000, 2, true);
  path.wakeUp(5001);
  assert.equal(path.nextProbeAtMs, 5300, "not again");
});

test("a path that is doubted is so until it replies to a probe that left afterwards", () => {
  const path = proven(10);
  path.probed(340, 2, true);
  path.doubt(350);
  path.replied(360, 2, true);
  assert.equal(path.suspect(361), true);
  assert.equal(path.nextProbeAtMs, 350);
  path.probed(361, 3, true);
  path.replied(371, 3, true);
  assert.equal(path.suspect(372), false);
});

test("a path that was given up has to prove itself anew, by a later probe", () => {
  const path = proven(10);
  path.probed(1000, 1, true);
  path.bury();
  assert.equal(path.standing, false);
  assert.equal(path.everProven, true);
  assert.equal(path.nextProbeAtMs, Infinity);
  assert.equal(path.replied(2300, 1, true), false);
  path.tryAt(3000);
  path.probed(3000, 2, true);
  assert.equal(path.replied(3010, 2, true), true);
  assert.equal(path.standing, true);
});

test("a relayed path stands from the start, is kept up by probes, and stands no more once given up", () => {
  const path = relayed();
  assert.equal(path.standing, true);
  path.tryAt(0);
  assert.equal(path.nextProbeAtMs, Infinity, "rounds are for direct paths");
  path.probed(0, 1, true);
  assert.equal(path.nextProbeAtMs, 300);
  assert.equal(path.dead(2001), true);
  path.bury();
  assert.equal(path.standing, false);
});

test("a proven path is not tried again", () => {
  const path = proven(10);
  const before = path.nextProbeAtMs;
  path.tryAt(5);
  assert.equal(path.nextProbeAtMs, before);
});

test("probes that a later one overtook, or that nothing answered for long, count as lost", () => {
  const path = proven(10);
  let id = 1;
  for (let i = 0; i < 20; i++) {
    path.probed(1000 + 600 * i, id++, true);
    path.probed(1300 + 600 * i, id++, true);
    path.replied(1310 + 600 * i, id - 1, true);
  }
  assert.equal(path.loss, 20 / 41);
});

test("probes before the path was proven are no loss", () => {
  const path = direct();
  path.tryAt(0);
  for (let id = 0; id < 20; id++) path.probed(id, id, true);
  path.replied(30, 19, true);
  for (let id = 20; id < 40; id++) {
    path.probed(100 * id, id, true);
    path.replied(100 * id + 10, id, true);
  }
  assert.equal(path.loss, 0);
});

test("at most 32 probes wait for a reply", () => {
  const path = direct();
  path.tryAt(0);
  for (let id = 0; id < 40; id++) path.probed(id, id, true);
  assert.equal(path.replied(50, 7, true), false);
  assert.equal(path.replied(50, 8, true), true);
});

function direct(allowance: number = Infinity): Path {
  return new Path(routeTo("192.0.2.7:4000"), "server-reflexive", allowance, false);
}

/** A direct path with that round trip, proven at 0 by a probe that left before. */
function proven(rttMs: number): Path {
  const path = direct();
  path.tryAt(-rttMs);
  path.probed(-rttMs, 0, true);
  assert(path.replied(0, 0, true));
  return path;
}

function relayed(): Path {
  const { port, remote } = routeTo("192.0.2.1:48800");
  return new Path({ kind: "relayed", port, remote, channel: 0x4001 }, "relayed", Infinity, false);
}

function routeTo(text: string): Route {
  const remote = addressFromText(text);
  assert(remote);
  return { kind: "direct", port: 1, remote };
}

/** When probes leave while none is answered; each costs one of the allowance, as the session has it. */
function probeTimes(path: Path): number[] {
  const times: number[] = [];
  while (path.nextProbeAtMs < Infinity) {
    const now = path.nextProbeAtMs;
    path.probed(now, times.length + 1000, true);
    if (path.allowance-- > 0) times.push(now);
  }
  return times;
}
