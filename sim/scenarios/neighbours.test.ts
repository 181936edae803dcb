import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText, ipText } from "@fractal-punch/machine";
import {
  type NatBehaviour,
  Pair,
  portRestrictedCone,
  type Router,
  restrictedCone,
  symmetric,
  World,
} from "@fractal-punch/sim";
import { delays } from "./places.ts";

const stranger = "192.168.1.9";

for (const [name, nat] of Object.entries({ "port-restricted cone": portRestrictedCone, symmetric })) {
  test(`two behind one ${name} without hairpin are direct by their host candidates`, () => {
    const pair = behindOne(nat);
    assert.deepEqual(pair.paths, ["direct", "direct"]);
    assert.match(remoteOf(pair), /^192\.168\.1\./);
  });
}

for (const hairpin of ["external-source", "internal-source"] as const)
  test(`two behind one cone that hairpins with the ${hairpin} are direct, over the shorter way`, () => {
    const pair = behindOne({ ...portRestrictedCone, hairpin });
    assert.deepEqual(pair.paths, ["direct", "direct"]);
  });

for (const [name, connect] of Object.entries({
  "their first answer": {},
  "the answer to early data": { earlyData: "hello" },
}))
  test(`two behind one NAT have ${name} as soon as the host knows of the client: at c+h`, () => {
    const world = new World({ seed: 1 });
    const behind = world.nat("home", portRestrictedCone, delays.client);
    const ends = { client: { behind }, host: { behind }, earlyData: true };
    const pair = new Pair({ server: delays.server, ...ends }, world).begin().echo();
    if (!("earlyData" in connect)) pair.sendOnceConnected("hello");
    const start = world.now;
    pair.connect(connect);
    world.runUntil(() => pair.replies.length > 0, start + 5000);
    assert.deepEqual(pair.replies, [{ atMs: start + 2 * 35, text: "hello", via: "direct" }]);
  });

test("two homes with the same private addresses are direct by their public ones", () => {
  const pair = new Pair({
    server: delays.server,
    client: { ...delays.client, behind: portRestrictedCone, address: "192.168.1.7" },
    host: { ...delays.host, behind: portRestrictedCone, address: "192.168.1.7" },
  });
  pair.begin().connected().pass(2000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  assert.doesNotMatch(remoteOf(pair), /^192\.168\./);
});

for (const [end, other] of [
  ["client", "host"],
  ["host", "client"],
] as const)
  test(`a stranger at the ${other}'s private address in the ${end}'s home gets a few small probes and nothing else`, () => {
    const world = new World({ seed: 1 });
    const home = world.nat("home", portRestrictedCone, delays[end]);
    const elsewhere = { ...delays[other], behind: symmetric, address: stranger };
    const atHome = { behind: home, address: "192.168.1.7" };
    const ends = end === "client" ? { client: atHome, host: elsewhere } : { client: elsewhere, host: atHome };
    const pair = new Pair({ server: delays.server, ...ends, earlyData: true }, world);
    world.node("printer", { behind: home, address: stranger });
    pair.begin().echo().connected({ earlyData: "hello" });
    pair.stream(100, 100);
    pair.streamBack(100, 100);
    pair.pass(10_000);
    const strays = world.log.filter(({ from, target }) => from === end && ipText(target) === stranger);
    assert.ok(strays.length > 0 && strays.every(({ lengthBytes }) => lengthBytes <= 64));
  });

test("under one carrier's NAT with hairpin, two home NATs are direct", () => {
  const pair = underOneCarrier({ ...portRestrictedCone, hairpin: "external-source" });
  assert.deepEqual(pair.paths, ["direct", "direct"]);
});

test("under one carrier's NAT without hairpin, two home NATs are relayed", () => {
  const pair = underOneCarrier(portRestrictedCone);
  assert.deepEqual(pair.paths, ["relayed", "relayed"]);
  assert.deepEqual(pair.reasons, ["no-answer", "no-answer"]);
});

test("a carrier's cone above the client's home NAT changes nothing", () => {
  const world = new World({ seed: 1 });
  const carrier = world.nat("carrier", { ...restrictedCone, ports: { kind: "random" } }, delays.client);
  const home = world.nat("home", portRestrictedCone, { behind: carrier });
  const options = {
    server: delays.server,
    client: { behind: home },
    host: { ...delays.host, behind: portRestrictedCone },
  };
  const pair = new Pair(options, world).begin().connected().pass(2000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
});

function underOneCarrier(nat: NatBehaviour): Pair {
  const world = new World({ seed: 1 });
  const carrier = world.nat("carrier", nat, delays.client);
  const client = world.nat("client's home", portRestrictedCone, { behind: carrier, delayMs: 2 });
  const host = world.nat("host's home", portRestrictedCone, { behind: carrier, delayMs: 2 });
  return settled(world, client, host);
}

function behindOne(nat: NatBehaviour): Pair {
  const world = new World({ seed: 1 });
  const home = world.nat("home", nat, delays.client);
  return settled(world, home, home);
}

function settled(world: World, client: Router, host: Router): Pair {
  const pair = new Pair({ server: delays.server, client: { behind: client }, host: { behind: host } }, world);
  pair.begin().connected();
  pair.stream(40, 100);
  return pair.pass(4000);
}

function remoteOf(pair: Pair): string {
  const remote = pair.clientStatus?.path?.remote;
  return remote ? addressText(remote) : "";
}
