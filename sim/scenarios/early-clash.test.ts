import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import {
  ipAddress,
  linuxHomeRouter,
  linuxMasquerade,
  Pair,
  portRestrictedCone,
  type RouterBehaviour,
  symmetric,
  World,
} from "@fractal-punch/sim";
import { between } from "./places.ts";

/** The server is far from one end: its introduction comes after the other end's first probe (c > h+d, or h > c+d). */
const far = { delayMs: 150 };
const near = { delayMs: 10 };

const routers: Record<string, [RouterBehaviour, RouterBehaviour]> = {
  "at the client's NAT": [linuxMasquerade, portRestrictedCone],
  "at the client's NAT, before a Linux home router": [linuxMasquerade, linuxHomeRouter],
  "at the host's NAT": [portRestrictedCone, linuxMasquerade],
  "at the host's NAT, before a Linux home router": [linuxHomeRouter, linuxMasquerade],
  "at both NATs": [linuxMasquerade, linuxMasquerade],
};

for (const [where, [client, host]] of Object.entries(routers)) {
  test(`the server is far from the client: the early packet clash ${where} ends direct`, () => {
    endsDirect(client, host, "client");
  });

  test(`the server is far from the host: the early packet clash ${where} ends direct`, () => {
    endsDirect(client, host, "host");
  });
}

test("where an end is behind a symmetric NAT, neither opens fresh sockets, which could not help", () => {
  for (const [client, host] of [
    [symmetric, linuxMasquerade],
    [linuxMasquerade, symmetric],
  ] as const) {
    const pair = new Pair(between(client, host)).begin().connected();
    pair.stream(100, 100);
    pair.pass(10_000);
    assert.deepEqual(pair.paths, ["relayed", "relayed"]);
    const sources = pair.world.log.filter(({ from }) => from !== "server").map(({ source }) => addressText(source));
    assert.equal(new Set(sources).size, 2);
  }
});

test("a host whose port one client's probe has changed for all later ones is reached directly by the next client, too", () => {
  const pair = new Pair(between(portRestrictedCone, linuxMasquerade));
  pair.world.impair(pair.host, pair.server, far);
  pair.begin().connected();
  pair.stream(60, 100);
  pair.pass(4000);
  pair.world.heal(pair.host, pair.server);
  const next = pair.connectAnother("next", { behind: portRestrictedCone, delayMs: 20 });
  pair.pass(4000);
  assert.deepEqual([pair.clientPath, pathOf(next)], ["direct", "direct"]);
});

for (const where of ["client", "host"] as const)
  test(`the host's NAT gets another address under a session, and the ${where}'s NAT clashes: direct again in twenty seconds`, () => {
    const world = new World({ seed: 1 });
    const clientHome = world.nat("client's home", where === "client" ? linuxMasquerade : portRestrictedCone, far);
    const hostHome = world.nat("host's home", where === "host" ? linuxMasquerade : portRestrictedCone, near);
    const pair = new Pair({ server: near, client: { behind: clientHome }, host: { behind: hostHome } }, world);
    pair.begin().connected();
    pair.stream(600, 100);
    pair.pass(20_000);
    hostHome.renumber([ipAddress("198.51.100.10")]);
    pair.pass(20_000);
    assert.deepEqual(pair.paths, ["direct", "direct"]);
  });

function pathOf(client: Pair["client"]): string | undefined {
  let path: string | undefined;
  for (const { event } of client.events) if (event.type === "path") path = event.path.kind;
  return path;
}

function endsDirect(client: RouterBehaviour, host: RouterBehaviour, slow: "client" | "host"): void {
  const pair = new Pair(between(client, host));
  pair.world.impair(pair[slow], pair.server, far);
  pair.begin().connected();
  pair.stream(60, 100);
  pair.pass(6000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
}
