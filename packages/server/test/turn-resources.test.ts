/** What TURN keeps, and what is left of it afterwards. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { defaultLimits } from "@fractal-punch/server/core";
import { errorCodeOf, Method } from "@fractal-punch/wire";
import { at, startSeconds } from "./test-server.ts";
import { minted, TurnClient, TurnServer } from "./test-turn.ts";

const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);
const count = 10_000;
const budgetBytes = 40 * 1024 * 1024;
const rate = { perSecond: 1e9, burst: 1e9 };

test("ten thousand allocations of as many users, with a permission and a channel each, cost at most 40 MB", () => {
  const server = new TurnServer({ limits: { unauthenticatedRate: rate, relayBytes: 1e9 } });
  for (let i = 0; i < 100; i++) useAllocation(clientOf(server, i));
  const before = heldBytes();
  for (let i = 100; i < 100 + count; i++) useAllocation(clientOf(server, i));
  const costBytes = heldBytes() - before;
  assert.equal(server.server.sizes.allocations, 100 + count);
  assert(costBytes < budgetBytes, `${Math.round(costBytes / count)} bytes an allocation`);
});

test("ten thousand allocations that come and go leave nothing", () => {
  const server = new TurnServer({ limits: { unauthenticatedRate: rate, buckets: 100, relayBytes: 1e9 } });
  const comeAndGo = (from: number, to: number): void => {
    for (let i = from; i < to; i++) {
      const client = clientOf(server, i, server.epochMs / 1000 + 3600);
      useAllocation(client);
      if (i % 2 === 0) client.refresh(0);
    }
    server.pass(4_000_000);
    server.opened = [];
    for (let i = 0; i < 3; i++) {
      clientOf(server, 0, server.epochMs / 1000 + 1).allocate();
      server.pass(defaultLimits.ticketLifeMs);
    }
  };
  comeAndGo(0, 2000);
  const before = heldBytes();
  comeAndGo(2000, 2000 + count);
  const leftBytes = heldBytes() - before;
  const { allocations, tuples, accounts } = server.server.sizes;
  assert.deepEqual([allocations, tuples, accounts, server.relays.size], [0, 0, 0, 0]);
  assert.equal(server.server.nextWake(), Infinity);
  assert(leftBytes < 1024 * 1024, `${leftBytes} bytes are left`);
});

test("twenty thousand requests under long names that nobody was given leave nothing", () => {
  const server = new TurnServer({ limits: { unauthenticatedRate: rate } });
  const ask = (i: number): void => {
    const username = `1900000000:${i}`.padEnd(500, "x");
    const client = new TurnClient(server, at("203.0.113.66:6000"), { username, password: "guessed" });
    assert.equal(server.receive(client.address, client.request(Method.allocate)).length, 1);
  };
  for (let i = 0; i < 1000; i++) ask(i);
  const before = heldBytes();
  for (let i = 0; i < 20_000; i++) ask(i);
  const leftBytes = heldBytes() - before;
  assert(leftBytes < 2 * 1024 * 1024, `${leftBytes} bytes are left`);
});

function clientOf(server: TurnServer, i: number, expirySeconds: number = startSeconds + 1e6): TurnClient {
  const address = at(`203.${i % 250}.${Math.floor(i / 250)}.7:5000`);
  return new TurnClient(server, address, minted(`user-${i}`, expirySeconds));
}

function useAllocation(client: TurnClient): void {
  assert.equal(errorCodeOf(client.allocate()), undefined);
  assert.equal(client.permit(at("198.51.100.10:1")), undefined);
  assert.equal(client.bind(0x4001, peer), undefined);
  assert.equal(client.channelData(0x4001, data).length, 1);
}

function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  assert(typeof collect === "function");
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
