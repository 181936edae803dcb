import assert from "node:assert/strict";
import { test } from "node:test";
import {
  firewall,
  type NatBehaviour,
  none,
  Pair,
  portRestrictedCone,
  type Router,
  symmetric,
  World,
} from "@fractal-punch/sim";
import { delays, missing } from "./places.ts";

const dualServer = { ...delays.server, address: ["192.0.2.1", "2001:db8::1"] };

test("IPv6 behind firewalls at both ends, IPv4 behind symmetric NATs: direct by IPv6", () => {
  const { world, pair } = dual(symmetric, symmetric);
  pair.begin().connected().pass(2000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  assert.equal(pair.clientStatus?.path?.remote.family, 6);
  assert.equal(pair.hostStatus?.path?.remote.family, 6);
  assert.ok(world.log.some(({ target }) => target.family === 4));
});

test("IPv6 behind firewalls and IPv4 behind cones: direct, with the first answer at c+h+3d", () => {
  const { pair } = dual(portRestrictedCone, portRestrictedCone);
  pair.begin().echo().sendOnceConnected("hello");
  const start = pair.world.now;
  pair.connect();
  pair.world.runUntil(() => pair.replies.length > 0);
  assert.equal(pair.replies[0]?.atMs, start + 35 + 25 + 3 * 30);
  assert.equal(pair.replies[0]?.via, "direct");
});

test("when IPv6 is cut between the two ends, IPv4 is direct", () => {
  const { world, pair } = dual(portRestrictedCone, portRestrictedCone);
  pair.begin().connected();
  pair.stream(3000, 10);
  pair.pass(3000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  for (const { interfaces } of [pair.client])
    for (const one of interfaces) if (one.address.family === 6) one.isUp = false;
  pair.pass(20_000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  assert.equal(pair.clientStatus?.path?.remote.family, 4);
  assert.ok(world.now > 0);
});

test("a host with both families that goes to a far network with IPv4 only reaches its client over the relay that is left", () => {
  const world = new World({ seed: 1 });
  const pair = new Pair(
    {
      server: { ...dualServer, delayMs: 5 },
      client: { behind: twoRouters(world, "home", 10, 10) },
      host: { behind: twoRouters(world, "host's home", 100, 100) },
    },
    world,
  );
  pair.begin().connected().pass(2000);
  pair.stream(800, 50);
  pair.streamBack(800, 50);
  pair.pass(10_000);
  pair.move(pair.host, { behind: world.nat("far away", symmetric, { delayMs: 150 }) });
  pair.pass(31_000);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
  for (const received of [pair.requests, pair.replies]) assert.ok(missing(received, 800).length <= 60);
});

test("after a client with both families has moved, its host may lose either: a late introduction undoes no newer one", () => {
  const world = new World({ seed: 1 });
  const pair = new Pair(
    {
      server: { ...dualServer, delayMs: 30 },
      client: { behind: twoRouters(world, "home", 80, 85) },
      host: { behind: twoRouters(world, "host's home", 10, 50) },
    },
    world,
  );
  pair.begin().connected().pass(5000);
  pair.move(pair.client, { behind: twoRouters(world, "café", 80, 85) });
  pair.pass(7000);
  pair.stream(600, 50);
  pair.streamBack(600, 50);
  pair.move(pair.host, { behind: world.nat("IPv4 only", symmetric, { delayMs: 10 }) });
  pair.pass(31_000);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
  for (const received of [pair.requests, pair.replies]) assert.ok(missing(received, 600).length <= 60);
});

test("a client with IPv4 only and a host with both are direct by IPv4", () => {
  const world = new World({ seed: 1 });
  const host = [
    world.nat("host's NAT", portRestrictedCone, delays.host),
    world.nat("host's firewall", firewall, delays.host),
  ];
  const pair = onDualServer(world, [world.nat("client's NAT", portRestrictedCone, delays.client)], host);
  pair.begin().connected().pass(2000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  assert.deepEqual(pair.reasons, ["direct", "direct"]);
});

test("a client with IPv6 only and a host with both are direct by IPv6", () => {
  const world = new World({ seed: 1 });
  const host = [world.nat("host's NAT", symmetric, delays.host), world.nat("host's firewall", firewall, delays.host)];
  const pair = onDualServer(world, [world.nat("client's firewall", firewall, delays.client)], host);
  pair.begin().connected().pass(2000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
});

test("a client with IPv4 only and a host with IPv6 only are relayed, for they have no family in common", () => {
  const world = new World({ seed: 1 });
  const pair = onDualServer(
    world,
    [world.nat("client's NAT", portRestrictedCone, delays.client)],
    [world.nat("host's network", none, delays.host)],
  );
  pair.begin().echo().sendOnceConnected("hello");
  pair.connected().pass(4000);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
  assert.deepEqual(pair.reasons, ["no-common-family", "no-common-family"]);
  assert.deepEqual(
    pair.replies.map(({ text }) => text),
    ["hello"],
  );
});

test("a client with an IPv6 address that leads nowhere is direct by IPv4 as fast as without it", () => {
  const { pair } = dual(portRestrictedCone, portRestrictedCone);
  pair.begin().echo().sendOnceConnected("hello");
  for (const one of pair.client.interfaces) if (one.address.family === 6) one.line.change({ lossRate: 1 });
  const start = pair.world.now;
  pair.connect();
  pair.world.runUntil(() => pair.replies.length > 0);
  assert.equal(pair.replies[0]?.atMs, start + 35 + 25 + 3 * 30);
});

function dual(client: NatBehaviour, host: NatBehaviour): { world: World; pair: Pair } {
  const world = new World({ seed: 1 });
  const clientRouters = [
    world.nat("client's NAT", client, delays.client),
    world.nat("client's firewall", firewall, delays.client),
  ];
  const hostRouters = [world.nat("host's NAT", host, delays.host), world.nat("host's firewall", firewall, delays.host)];
  return { world, pair: onDualServer(world, clientRouters, hostRouters) };
}

function onDualServer(world: World, client: readonly Router[], host: readonly Router[]): Pair {
  return new Pair({ server: dualServer, client: { behind: client }, host: { behind: host } }, world);
}

/** IPv4 behind a symmetric NAT, IPv6 behind a firewall, with these delays. */
function twoRouters(world: World, name: string, delay4Ms: number, delay6Ms: number): Router[] {
  return [
    world.nat(`${name} IPv4`, symmetric, { delayMs: delay4Ms }),
    world.nat(`${name} IPv6`, firewall, { delayMs: delay6Ms }),
  ];
}
