/** What TURN keeps, and what is left of it afterwards. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DriverCommand, PortRequest } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { Attribute, errorCodeOf, Method } from "@fractal-punch/wire";
import fc from "fast-check";
import { heldBytes } from "./held-bytes.ts";
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

test("no port is tried that an allocation of that family has", () => {
  const tried: string[] = [];
  const server = new TurnServer({ limits: { unauthenticatedRate: rate } });
  server.failure = ({ family, port }) => void tried.push(`${family} ${port}`);
  for (let i = 0; i < 300; i++)
    clientOf(server, i).allocate((builder) => builder.u32(Attribute.additionalAddressFamily, 0x0200_0000));
  assert.equal(tried.length, 600);
  assert.equal(new Set(tried).size, 600);
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

test("whatever happens while ports open late, or do not open, each is closed in the end and nothing is left", () => {
  fc.assert(
    fc.property(fc.array(lateStep, { minLength: 1, maxLength: 60, size: "max" }), (steps) => {
      const { server, waiting, settle } = slowServer();
      const clients = [1, 2, 3, 4].map((i) => new TurnClient(server, at(`203.0.113.7:${i}`), minted(`user-${i % 2}`)));
      for (const client of clients) client.refresh();
      for (const { kind, index, attribute, code } of steps) {
        const client = clients[index % 4] ?? assert.fail();
        if (kind === "allocate") server.receive(client.address, lateAllocate(client, attribute));
        if (kind === "end") server.receive(client.address, lateEnd(client));
        if (kind === "pass") server.pass(20_000);
        if (kind === "settle" && waiting.length > 0) settle(index % waiting.length, code);
      }
      while (waiting.length > 0) settle(0, undefined);
      server.pass(defaultLimits.allocationLifeMs);
      const { allocations, tuples } = server.server.sizes;
      assert.deepEqual([allocations, tuples, server.relays.size, server.server.nextWake()], [0, 0, 0, Infinity]);
    }),
    { numRuns: 300 },
  );
});

type LateAttribute = readonly [type: number, value: Uint8Array];
const family6 = Uint8Array.of(2, 0, 0, 0);
const lateAttributes: readonly (LateAttribute | undefined)[] = [
  undefined,
  [Attribute.additionalAddressFamily, family6],
  [Attribute.requestedAddressFamily, family6],
  [Attribute.evenPort, Uint8Array.of(0)],
  [Attribute.evenPort, Uint8Array.of(0x80)],
];
const lateStep = fc.record({
  kind: fc.constantFrom("allocate", "allocate", "settle", "settle", "end", "pass"),
  index: fc.nat(11),
  attribute: fc.constantFrom(...lateAttributes),
  code: fc.constantFrom(undefined, undefined, "EADDRINUSE", "EAFNOSUPPORT", "EMFILE"),
});

/** One whose driver says what became of a port only when `settle` is called. */
function slowServer(): {
  readonly server: TurnServer;
  readonly waiting: readonly unknown[];
  readonly settle: (index: number, code: string | undefined) => void;
} {
  const server = new TurnServer({ limits: { unauthenticatedRate: rate, allocations: 6 } });
  const { driver } = server;
  assert(driver);
  const waiting: { readonly port: number; readonly request: PortRequest }[] = [];
  server.driver = {
    open: (port, request) => {
      waiting.push({ port, request });
      return undefined;
    },
    close: (port) => {
      driver.close(port);
      const index = waiting.findIndex((one) => one.port === port);
      if (index >= 0) waiting.splice(index, 1);
    },
  };
  const settle = (index: number, code: string | undefined): void => {
    const [one] = waiting.splice(index, 1);
    assert(one);
    const news = code === undefined ? driver.open(one.port, one.request) : failed(one.port, code);
    assert(news);
    server.hear(news);
  };
  return { server, waiting, settle };
}

function failed(port: number, code: string): DriverCommand {
  return { type: "port-failed", port, code };
}

function lateAllocate(client: TurnClient, attribute: LateAttribute | undefined): Uint8Array {
  return client.request(Method.allocate, (builder) => {
    builder.u32(Attribute.requestedTransport, 17 * 0x100_0000);
    if (attribute !== undefined) builder.attribute(...attribute);
  });
}

function lateEnd(client: TurnClient): Uint8Array {
  return client.request(Method.refresh, (builder) => builder.u32(Attribute.lifetime, 0));
}

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
