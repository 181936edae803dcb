import assert from "node:assert/strict";
import { test } from "node:test";
import { Pair, portRestrictedCone } from "@fractal-punch/sim";
import { between } from "./places.ts";

test("early data that the host takes is there at c+h, once, and the client is told", () => {
  const pair = new Pair({ ...cones, earlyData: true }).begin();
  const start = pair.world.now;
  pair.connected({ earlyData: "hello" }).pass(5000);
  assert.deepEqual(
    pair.hostEvents("data").map(({ atMs, event }) => [atMs - start, event.early]),
    [[35 + 25, true]],
  );
  assert.equal(pair.clientEvents("connected")[0]?.event.earlyDataTaken, true);
});

test("early data that the host does not take is sent again as data, once, and the client is told", () => {
  const pair = new Pair(cones).begin();
  pair.connected({ earlyData: "hello" }).pass(5000);
  assert.deepEqual(
    pair.hostEvents("data").map(({ event }) => event.early),
    [false],
  );
  assert.equal(pair.clientEvents("connected")[0]?.event.earlyDataTaken, false);
});

test("early data that is too long for the first message is sent as data, once", () => {
  const pair = new Pair({ ...cones, earlyData: true }).begin();
  pair.connected({ earlyData: "x".repeat(601) }).pass(5000);
  assert.deepEqual(
    pair.hostEvents("data").map(({ event }) => [event.early, event.data.length]),
    [[false, 601]],
  );
});

test("with a third of all datagrams lost, early data comes to the application exactly once", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const pair = new Pair({ ...cones, earlyData: true, seed }).begin();
    pair.client.line.change({ lossRate: 0.3 });
    pair.connected({ earlyData: "hello" }).pass(5000);
    assert.deepEqual(
      pair.requests.map(({ text }) => text),
      ["hello"],
      `seed ${seed}`,
    );
  }
});

test("early data sealed before the host started is not taken, for the guard against replay is not older", () => {
  const pair = new Pair({ ...cones, earlyData: true });
  pair.startServer();
  pair.world.after(3000, () => pair.startHost());
  pair.connected({ earlyData: "hello" }).pass(5000);
  assert.deepEqual(
    pair.hostEvents("data").map(({ event }) => event.early),
    [false],
  );
});

test("a host that restarts while a client connects with early data gives it to the application at most once a process", () => {
  const pair = new Pair({ ...cones, earlyData: true }).begin();
  pair.host.onEvent((event) => {
    if (event.type === "data" && event.early)
      pair.world.after(1, () => pair.hostEvents("registered").length === 1 && pair.startHost());
  });
  pair.connect({ earlyData: "hello" });
  pair.pass(15_000);
  assert.deepEqual(
    pair.hostEvents("data").map(({ event }) => event.early),
    [true],
  );
});

const cones = between(portRestrictedCone, portRestrictedCone);
