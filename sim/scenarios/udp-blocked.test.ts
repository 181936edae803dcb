/** Networks that block UDP: the server over TLS, and UDP again when it passes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address, DriverCommand, Machine, Outbox, PortId } from "@fractal-punch/machine";
import type { ServerCommand, ServerEvent } from "@fractal-punch/server/core";
import { Pair, portRestrictedCone, type Router, World } from "@fractal-punch/sim";
import { missing, twice } from "./places.ts";

const sides = [
  { name: "the client's side", client: true, host: false, reasons: ["udp-blocked-here", "udp-blocked-there"] },
  { name: "the host's side", client: false, host: true, reasons: ["udp-blocked-there", "udp-blocked-here"] },
  { name: "both sides", client: true, host: true, reasons: ["both-udp-blocked", "both-udp-blocked"] },
] as const;

for (const side of sides) {
  test(`with UDP blocked on ${side.name} the first reply comes within 1.5 s, relayed, and both say why`, () => {
    const { pair, clientRouter, hostRouter } = homes();
    clientRouter.blocksUdp = side.client;
    hostRouter.blocksUdp = side.host;
    pair.begin().echo().sendOnceConnected("hello");
    const startedAt = pair.world.now;
    pair.connect();
    pair.world.runUntil(() => pair.replies.length > 0, startedAt + 1500);
    pair.pass(5000);
    assert.deepEqual(pair.paths, ["relayed", "relayed"]);
    assert.deepEqual(pair.reasons, side.reasons);
    assert.deepEqual(transports(pair), [side.client ? "tls" : "udp", side.host ? "tls" : "udp"]);
    assert.equal(pair.clientEvents("connected").length, 1);
    assert.equal(pair.hostEvents("session").length, 1);
  });

  test(`UDP that is blocked on ${side.name} in mid-session costs a stream 3 s at most, and is used when it is back`, () => {
    const { pair, clientRouter, hostRouter } = homes();
    pair.begin().echo().connected().pass(3000);
    assert.deepEqual(pair.paths, ["direct", "direct"]);
    pair.stream(9000, 10);
    pair.pass(2000);
    clientRouter.blocksUdp = side.client;
    hostRouter.blocksUdp = side.host;
    pair.pass(20_000);
    assert.deepEqual(pair.reasons, side.reasons);
    assert.deepEqual(transports(pair), [side.client ? "tls" : "udp", side.host ? "tls" : "udp"]);
    clientRouter.blocksUdp = false;
    hostRouter.blocksUdp = false;
    pair.world.runUntil(() => pair.paths.join() === "direct,direct", pair.world.now + 25_000);
    pair.pass(100_000 - pair.world.now);
    assert.deepEqual(pair.reasons, ["direct", "direct"]);
    const lost = missing(pair.requests, 9000);
    assert.ok(lost.length <= 300, `${lost.length} lost`);
    assert.ok(
      lost.every((index) => index < 520),
      `nothing is lost on the way back: ${lost.filter((index) => index >= 520).join()}`,
    );
    assert.deepEqual(twice(pair.requests), []);
    assert.equal(pair.client.openStreams + pair.host.openStreams, 0, "the TLS connections are closed");
  });
}

test("a server that only TLS reaches, and that restarts, is found again", () => {
  const { pair, clientRouter, hostRouter } = homes();
  clientRouter.blocksUdp = true;
  hostRouter.blocksUdp = true;
  pair.begin().echo().connected().pass(3000);
  pair.stream(3000, 10);
  pair.pass(5000);
  const changes = pair.clientEvents("path").length;
  pair.startServer();
  pair.pass(30_000);
  const since = pair.clientEvents("path").slice(changes);
  assert.deepEqual(
    new Set(since.map(({ event }) => event.path.transport)),
    new Set(["tls"]),
    "UDP is never said to work",
  );
  const lost = missing(pair.requests, 3000);
  assert.ok(lost.length <= 700, `${lost.length} lost`);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
});

test("a TLS connection that dies in silence is replaced", () => {
  const { pair, clientRouter } = homes();
  clientRouter.blocksUdp = true;
  pair.begin().echo().connected().pass(3000);
  pair.stream(4000, 10);
  pair.pass(5000);
  clientRouter.reboot();
  pair.pass(35_000);
  const lost = missing(pair.requests, 4000);
  assert.ok(lost.length <= 900, `${lost.length} lost`);
  assert.deepEqual(pair.clientStatus?.path?.transport, "tls");
});

test("while UDP works nobody opens a TLS connection, and with one lost request none is kept", () => {
  const { pair } = homes();
  pair.begin().echo().connected().pass(120_000);
  assert.equal(pair.serverCounters?.streams.of("opened"), 0);
  pair.world.cut(pair.client, pair.server);
  pair.pass(21_000);
  pair.world.heal(pair.client, pair.server);
  pair.pass(30_000);
  assert.equal(pair.client.openStreams, 0);
});

test("with IPv4 blocked and IPv6 open there is no TLS", () => {
  const world = new World({ seed: 3 });
  const v4 = world.nat("client's router", portRestrictedCone, { delayMs: 20 });
  v4.blocksUdp = true;
  const v6 = world.nat("client's v6 router", { kind: "none" }, { delayMs: 20 });
  const server = { address: ["192.0.2.1", "2001:db8::1"] };
  const pair = new Pair({ tls: true, server, client: { behind: [v4, v6] } }, world);
  pair.begin().echo().connected().pass(60_000);
  assert.equal(pair.serverCounters?.streams.of("opened"), 0);
});

test("where neither UDP nor TLS gets through, the client fails as before", () => {
  const { pair } = homes();
  pair.begin();
  pair.world.cut(pair.client, pair.server);
  pair.connect();
  assert.deepEqual(pair.failure(), { kind: "server-unreachable" });
  pair.pass(20_000);
  assert.equal(pair.client.openPorts + pair.client.openStreams, 0);
});

test("client and host say why TLS, too, came to nothing", () => {
  const { pair } = homes();
  pair.server.stop();
  pair.startHost();
  pair.connect();
  assert.deepEqual(pair.failure(), { kind: "server-unreachable", tls: "ECONNREFUSED" });
  assert.deepEqual(
    pair.hostEvents("unreachable").map(({ event }) => event),
    [{ type: "unreachable", tls: "ECONNREFUSED" }],
  );
});

for (const manner of ["closes at once", "says nothing"] as const) {
  test(`where UDP is blocked and what takes TLS ${manner}, client and host say in their time that there is no server`, () => {
    const { pair } = homes();
    pair.server.restart(new OtherServer(manner === "closes at once"));
    pair.server.command({ type: "start" });
    pair.startHost();
    pair.connect();
    pair.world.runUntil(() => pair.hostEvents("unreachable").length > 0, 7000);
    assert.deepEqual(pair.failure(10_001 - pair.world.now), { kind: "server-unreachable" });
    pair.pass(60_000);
    assert.equal(pair.hostEvents("unreachable").length, 1);
    pair.startServer();
    pair.world.runUntil(() => pair.hostEvents("registered").length > 0, pair.world.now + 10_000);
  });
}

test("early data reaches the host once, though it may go both ways", () => {
  const { pair, clientRouter } = homes({ earlyData: true });
  clientRouter.blocksUdp = true;
  pair.begin().echo().connected({ earlyData: "hello" }).pass(5000);
  assert.deepEqual(
    pair.requests.map(({ text }) => text),
    ["hello"],
  );
});

/** Serves TLS on port 443, and is no server of ours. */
class OtherServer implements Machine<ServerCommand, ServerEvent> {
  readonly #closes: boolean;

  constructor(closes: boolean) {
    this.#closes = closes;
  }

  receive(
    _now: number,
    port: PortId,
    from: Address,
    _bytes: Uint8Array,
    _info: unknown,
    out: Outbox<ServerEvent>,
  ): void {
    if (this.#closes) out.closeStream(port, from);
  }

  wake(): void {}

  command(_now: number, { type }: ServerCommand | DriverCommand, out: Outbox<ServerEvent>): void {
    if (type === "start") out.openPort(0, { transport: "tls", family: 4, port: 443 });
  }

  nextWake(): number {
    return Infinity;
  }
}

function homes(options: { earlyData?: boolean } = {}): { pair: Pair; clientRouter: Router; hostRouter: Router } {
  const world = new World({ seed: 7 });
  const clientRouter = world.nat("client's router", portRestrictedCone, { delayMs: 20 });
  const hostRouter = world.nat("host's router", portRestrictedCone, { delayMs: 10 });
  const ends = { client: { behind: clientRouter }, host: { behind: hostRouter } };
  const pair = new Pair({ tls: true, server: { delayMs: 15 }, ...ends, ...options }, world);
  return { pair, clientRouter, hostRouter };
}

function transports(pair: Pair): (string | undefined)[] {
  return [pair.clientStatus?.path?.transport, pair.hostStatus?.path?.transport];
}
