import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "@fractal-punch/machine";
import type { PeerEvent } from "@fractal-punch/peer/core";
import type { Role } from "@fractal-punch/wire";
import { PathKeeper } from "../../dist/core/path-keeper.js";
import type { RelayedRoute } from "../../dist/core/route.js";
import { at } from "./test-context.ts";

test("a host that hears its client on a channel that it does not know uses it once its own is given up", () => {
  const { keeper, passTo } = keeperOf("host");
  keeper.addRelay(0, relayed(0x4001), true);
  passTo(1000);
  assert.equal(keeper.heard(1000, relayed(0x4002)), undefined, "its own may still be answered");
  passTo(4000);
  assert.equal(keeper.paths.relay?.standing, false);
  const path = keeper.heard(4000, relayed(0x4002));
  assert(path);
  assert.equal(keeper.paths.relay, path);
});

test("of two relayed paths that were given up the one that is heard again is used, though it is the older", () => {
  const { keeper, passTo } = keeperOf("host");
  const older = keeper.addRelay(0, relayed(0x4001), true);
  const newer = keeper.addRelay(0, relayed(0x4002), true);
  passTo(4000);
  assert.equal(keeper.paths.relay, newer);
  keeper.heard(4000, older.route);
  assert.equal(keeper.paths.relay, older);
});

test("a host's channel that comes by another socket is known at once, since the server moved it", () => {
  const { keeper } = keeperOf("host");
  keeper.addRelay(0, relayed(0x4001), true);
  assert.notEqual(keeper.heard(10, relayed(0x4001, 2)), undefined);
});

test("a client uses the channels that the server told it of, and no others", () => {
  const { keeper, passTo } = keeperOf("client");
  keeper.addRelay(0, relayed(0x4001), true);
  passTo(4000);
  assert.equal(keeper.heard(4000, relayed(0x4002)), undefined);
  assert.equal(keeper.heard(4000, relayed(0x4001, 2)), undefined);
});

test("a relayed path that was given up and is heard again is probed anew before it is given up again", () => {
  const { keeper, passTo, probes } = keeperOf("host");
  const route = relayed(0x4001);
  const path = keeper.addRelay(0, route, true);
  passTo(4000);
  assert.equal(path.standing, false);
  const before = probes();
  keeper.heard(4000, route);
  passTo(4100);
  assert.equal(path.standing, true);
  assert.ok(probes() > before, "a probe went out");
});

function relayed(channel: number, port = 1): RelayedRoute {
  return { kind: "relayed", port, remote: at("192.0.2.1:48800"), channel };
}

/** A keeper of a session whose application is at work, and whose probes nobody answers. */
function keeperOf(role: Role): { keeper: PathKeeper; passTo: (ms: number) => void; probes: () => number } {
  let probes = 0;
  const user = {
    probePacket: () => {
      probes++;
      return new Uint8Array(60);
    },
    paddedProbe: () => undefined,
    sendCandidates: () => undefined,
    relayLost: () => undefined,
    directOverdue: () => undefined,
  };
  const keeper = new PathKeeper(user, role, true, 0);
  const out = new Recorder<PeerEvent>();
  const passTo = (ms: number): void => {
    keeper.atWork(ms);
    for (let due = keeper.dueAtMs; due <= ms; due = keeper.dueAtMs) keeper.wake(due, out);
  };
  return { keeper, passTo, probes: () => probes };
}
