import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone } from "@fractal-punch/sim";
import { ErrorCode } from "@fractal-punch/wire";
import { between, delays } from "./places.ts";

test("a host that starts before the server says so, and registers within five seconds of the server's start", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone));
  pair.startHost();
  pair.pass(60_000);
  assert.equal(pair.hostEvents("unreachable").length, 1);
  pair.startServer();
  const start = pair.world.now;
  pair.world.runUntil(() => pair.hostEvents("registered").length > 0, start + 5000);
});

test("a client that connects before its host has registered finds it within ten seconds", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone));
  pair.startServer();
  pair.connect();
  pair.world.after(7000, () => pair.startHost());
  pair.world.runUntil(() => pair.clientEvents("connected").length > 0, pair.world.now + 10_000);
});

test("a client whose host never registers says after ten seconds that it is not there", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone));
  pair.startServer();
  pair.connect();
  assert.deepEqual(pair.failure(), { kind: "refused", code: ErrorCode.hostNotRegistered });
  assert.equal(pair.clientEvents("failed")[0]?.atMs, 10_000);
  assert.equal(pair.client.nextWake(), Infinity);
});

test("a client whose server is silent says so after ten seconds", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone));
  pair.connect();
  assert.deepEqual(pair.failure(), { kind: "server-unreachable" });
});

test("a client whose host went silent says after ten seconds that the host is silent", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  pair.host.stop();
  const start = pair.world.now;
  pair.connect();
  assert.deepEqual(pair.failure(), { kind: "host-silent" });
  assert.equal(pair.clientEvents("failed")[0]?.atMs, start + 10_000);
});

test("of two hosts with one key the newer wins, and the older is told at once and stops", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  const newer = pair.startAnotherHost("newer", { ...delays.host, behind: portRestrictedCone });
  pair.pass(1000);
  assert.deepEqual(
    pair.hostEvents("ended").map(({ event }) => event.code),
    [ErrorCode.replaced],
  );
  assert.equal(pair.host.nextWake(), Infinity);
  pair.pass(600_000);
  assert.deepEqual(
    newer.events.filter(({ event }) => event.type === "ended"),
    [],
  );
  pair.connected();
  assert.equal(newer.events.filter(({ event }) => event.type === "session").length, 1);
});

test("an older host that was away while it was replaced is told when it comes back, and does not take its place again", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  const [line] = pair.host.interfaces;
  assert.ok(line);
  line.isUp = false;
  const newer = pair.startAnotherHost("newer", { ...delays.host, behind: portRestrictedCone });
  pair.pass(300_000);
  line.isUp = true;
  pair.pass(30_000);
  assert.deepEqual(
    pair.hostEvents("ended").map(({ event }) => event.code),
    [ErrorCode.replaced],
  );
  assert.deepEqual(
    newer.events.filter(({ event }) => event.type === "ended"),
    [],
  );
});

test("a host that restarts takes its place at once, and clients reach the new process", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin().connected().pass(2000);
  pair.startHost();
  pair.pass(1000);
  pair.connected();
  assert.deepEqual(pair.hostEvents("ended"), []);
});

test("a registration survives an hour with a tenth of the datagrams lost", () => {
  const pair = new Pair(between(portRestrictedCone, portRestrictedCone)).begin();
  pair.server.line.change({ lossRate: 0.1 });
  for (let minutes = 0; minutes < 60; minutes++) {
    pair.pass(60_000);
    assert.equal(pair.serverSizes?.registrations, 1);
  }
  assert.equal(pair.hostEvents("registered").length, 1);
});
