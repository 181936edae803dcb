/** Moving allocations (RFC 8016): streams that end, thieves, and any order of events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { errorCodeOf } from "@fractal-punch/wire";
import fc from "fast-check";
import { allocateMobile, assertNothingLeft, mobile, moveBy, ticketOf } from "./test-mobility.ts";
import { at } from "./test-server.ts";
import { minted, TurnClient, TurnServer } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const away = at("203.0.113.99:6000");
const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("an allocation that may move outlives its stream, for its lifetime; what peers send meanwhile is dropped", () => {
  const { server, client, relayed, ticket } = mobile("tcp");
  client.permit(peer);
  server.hangUp(home);
  assert.deepEqual(server.fromPeer(peer, relayed, data), []);
  assert.equal(server.server.counters.dropped.of("client-away"), 1);
  assert.deepEqual([server.server.sizes.allocations, server.server.sizes.tuples], [1, 0]);
  const back = new TurnClient(server, away);
  assert.equal(errorCodeOf(moveBy(back, ticket)), undefined);
  assert.deepEqual(server.fromPeer(peer, relayed, data)[0]?.to, away, "there is no other place");
  server.pass(600_000);
  assertNothingLeft(server);
});

test("one that does not come back ends with its lifetime, and who has its old 5-tuple by then keeps it", () => {
  const { server } = mobile("tcp");
  server.hangUp(home);
  server.pass(500_000);
  server.dial(home);
  const other = new TurnClient(server, home, minted("carol"), undefined, server.tcpPort);
  other.relayed();
  server.pass(100_000);
  assert.equal(server.server.sizes.allocations, 1);
  server.pass(400_000);
  assert.deepEqual(server.closed, [], "its stream is kept");
  assert.equal(errorCodeOf(other.refresh(0)), undefined);
});

test("when the old stream ends, data goes to the new place; when the new one ends, it stays where it was", () => {
  for (const first of ["old", "new"] as const) {
    const { server, client, relayed, ticket } = mobile("tcp");
    client.permit(peer);
    server.dial(away);
    const moved = new TurnClient(server, away, undefined, undefined, server.tcpPort);
    assert.equal(errorCodeOf(moveBy(moved, ticket)), undefined);
    server.hangUp(first === "old" ? home : away);
    assert.deepEqual(server.fromPeer(peer, relayed, data)[0]?.to, first === "old" ? away : home);
    server.hangUp(first === "old" ? away : home);
    assert.deepEqual([server.server.sizes.allocations, server.server.sizes.tuples], [1, 0], "it waits");
    server.pass(600_000);
    assertNothingLeft(server);
  }
});

test("an old stream that is left is as idle as any other, and closed", () => {
  const { server, ticket } = mobile("tcp");
  const moved = new TurnClient(server, away);
  moveBy(moved, ticket);
  moved.channelData(0x4001, data);
  server.pass(defaultLimits.streamIdleMs);
  assert.deepEqual(server.closed, [addressText(home)]);
  assert.equal(server.server.sizes.allocations, 1);
});

test("a stream that an allocation has moved to may be silent as long as that lives", () => {
  const { server, ticket } = mobile();
  server.dial(away);
  const moved = new TurnClient(server, away, undefined, undefined, server.tcpPort);
  moveBy(moved, ticket);
  server.pass(599_999);
  assert.deepEqual(server.closed, []);
  server.pass(1 + defaultLimits.streamIdleMs);
  assert.deepEqual(server.closed, [addressText(away)]);
  assertNothingLeft(server);
});

test("ten thousand tickets of others, forged or stolen, move nothing and leave nothing", () => {
  const { server, client, relayed, ticket } = mobile();
  client.permit(peer);
  const thief = new TurnClient(server, away, minted("eve"));
  for (let i = 0; i < 10_000; i++) {
    const forged = ticket.with(i % 32, (i >> 5) & 0xff);
    assert([400, 441].includes(errorCodeOf(moveBy(thief, forged)) ?? 0));
  }
  assert.deepEqual(server.fromPeer(peer, relayed, data)[0]?.to, home);
  assert.deepEqual([server.server.sizes.allocations, server.server.sizes.tuples], [1, 1]);
  client.refresh(0);
  assertNothingLeft(server);
});

test("wherever clients go, in whatever order, each has its own allocation and nothing is left", () => {
  const step = fc.record({
    kind: fc.constantFrom("move", "move", "old ticket", "data", "end", "pass"),
    who: fc.nat(2),
    where: fc.nat(4),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const server = new TurnServer({ limits: { unauthenticatedRate: { perSecond: 1e6, burst: 1e6 } } });
      const places = [0, 1, 2, 3, 4].map((i) => at(`203.0.113.${i + 1}:5000`));
      const users = ["a", "b", "c"].map((name) => minted(name));
      const tickets = users.map((user, i) => [allocateMobile(new TurnClient(server, places[i] ?? home, user)).ticket]);
      const clientAt = (where: number, who: number): TurnClient =>
        new TurnClient(server, places[where] ?? home, users[who] ?? minted("a"));
      for (const { kind, who, where } of steps) {
        const mine = tickets[who] ?? [];
        if (kind === "move") {
          const answer = moveBy(clientAt(where, who), mine.at(-1) ?? data);
          if (errorCodeOf(answer) === undefined) mine.push(ticketOf(answer));
        }
        if (kind === "old ticket" && mine.length > 1)
          assert([400, 437].includes(errorCodeOf(moveBy(clientAt(where, who), mine[0] ?? data)) ?? 0));
        if (kind === "data") clientAt(where, who).channelData(0x4001, data);
        if (kind === "end") clientAt(where, who).refresh(0);
        if (kind === "pass") server.pass(100_000);
        const { allocations, tuples } = server.server.sizes;
        assert(tuples >= allocations && tuples <= 2 * allocations);
      }
      server.pass(defaultLimits.allocationLifeMs);
      assertNothingLeft(server);
    }),
    { numRuns: 300 },
  );
});
