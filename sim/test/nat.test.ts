/** Each named behaviour as a probe from outside finds it (RFC 4787's words, RFC 5780's way of asking). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, withPort } from "@fractal-punch/machine";
import {
  type Dependence,
  firewall,
  fullCone,
  linuxHomeRouter,
  linuxMasquerade,
  type NatBehaviour,
  newTranslator,
  none,
  Prng,
  portRestrictedCone,
  type RouterBehaviour,
  restrictedCone,
  symmetric,
  symmetricInBlock,
  symmetricSequential,
  type Translator,
  World,
} from "@fractal-punch/sim";
import { at, bareNode, received, send } from "./bare-node.ts";

interface Findings {
  readonly mapping: Dependence | "none";
  readonly filtering: Dependence | "none";
  readonly ports: "preserved" | "in sequence" | "in a block" | "anywhere";
  /** How long after the last datagram from inside an answer still comes in. */
  readonly lifetimeMs: number;
  /** Whether answers keep it alive. */
  readonly isKeptByInbound: boolean;
  readonly hairpin: "none" | "external-source" | "internal-source";
}

const findings: readonly (readonly [name: string, behaviour: RouterBehaviour, findings: Findings])[] = [
  ["fullCone", fullCone, cone("endpoint-independent")],
  ["restrictedCone", restrictedCone, cone("address-dependent")],
  ["portRestrictedCone", portRestrictedCone, cone("address-and-port-dependent")],
  ["symmetric", symmetric, symmetricLike("anywhere")],
  ["symmetricSequential", symmetricSequential, symmetricLike("in sequence")],
  ["symmetricInBlock", symmetricInBlock, symmetricLike("in a block")],
  ["linuxMasquerade", linuxMasquerade, linuxLike()],
  ["linuxHomeRouter", linuxHomeRouter, linuxLike()],
];

for (const [name, behaviour, expected] of findings)
  test(`${name} behaves as its name says`, () => assert.deepEqual(probe(behaviour), expected));

test("address-dependent mapping, hairpins and refresh by answers are found where they are asked for", () => {
  const behaviour: NatBehaviour = { ...fullCone, mapping: "address-dependent", refresh: "both" };
  assert.equal(probe(behaviour).mapping, "address-dependent");
  assert.equal(probe(behaviour).isKeptByInbound, true);
  for (const hairpin of ["external-source", "internal-source"] as const)
    assert.equal(probe({ ...portRestrictedCone, hairpin }).hairpin, hairpin);
});

test("a firewall filters and does not translate; a plain router does neither", () => {
  const wall = translator(firewall);
  assert.equal(findFiltering(wall), "address-and-port-dependent");
  assert.deepEqual(wall.outbound(0, inside, remotes.a1), inside);
  assert.equal(findFiltering(translator({ ...firewall, filtering: "address-dependent" })), "address-dependent");
  assert.equal(findLifetime(firewall), 120_000);
  assert.equal(findFiltering(translator(none)), "none");
});

test("a port that another inside host has is not shared: the neighbour is taken, and is free again when that ends", () => {
  const nat = translator(portRestrictedCone);
  const other = at("192.168.1.3:5000");
  assert.deepEqual(nat.outbound(0, inside, remotes.a1), at("198.51.100.7:5000"));
  assert.deepEqual(nat.outbound(1, other, remotes.a1), at("198.51.100.7:5001"));
  assert.deepEqual(nat.outbound(120_000, at("192.168.1.4:5000"), remotes.a1), at("198.51.100.7:5000"));
});

test("a step of two gives out every second port", () => {
  const nat = translator({ ...symmetricSequential, ports: { kind: "sequential", step: 2 } });
  const ports = Array.from({ length: 4 }, (_, i) => outsidePort(nat, inside, withPort(remotes.a1, 1000 + i)));
  const [first = 0] = ports;
  assert.deepEqual(ports, [first, first + 2, first + 4, first + 6]);
});

test("a host whose block is used up gets no more, while another host has a block of its own", () => {
  const nat = translator({ ...symmetric, ports: { kind: "random-in-block", sizePorts: 64 } });
  const ports = Array.from({ length: 64 }, (_, i) => outsidePort(nat, inside, withPort(remotes.a1, 1000 + i)));
  assert.equal(new Set(ports.map((port) => port >> 6)).size, 1);
  assert.equal(new Set(ports).size, 64);
  assert.equal(nat.outbound(0, inside, remotes.b1), "no-port");
  const other = outsidePort(nat, at("192.168.1.3:5000"), remotes.b1);
  assert.notEqual(other >> 6, (ports[0] ?? 0) >> 6);
});

test("blocks of hosts that have gone quiet are given to others", () => {
  const nat = translator({ ...symmetric, ports: { kind: "random-in-block", sizePorts: 32_256 } });
  const hosts = ["192.168.1.2:1", "192.168.1.3:1", "192.168.1.4:1"].map((text) => at(text));
  const outcomes = hosts.map((host) => nat.outbound(0, host, remotes.a1));
  assert.deepEqual(
    outcomes.map((outcome) => typeof outcome),
    ["object", "object", "string"],
  );
  assert.equal(typeof nat.outbound(120_000, hosts[2] ?? inside, remotes.a1), "object");
});

test("with several addresses, pooling is paired: a host keeps one address; or arbitrary: it does not", () => {
  const addresses = ["198.51.100.7:0", "198.51.100.8:0", "198.51.100.9:0"].map((text) => at(text));
  for (const [pooling, count] of [
    ["paired", 1],
    ["arbitrary", 3],
  ] as const) {
    const nat = newTranslator({ ...portRestrictedCone, pooling }, addresses, new Prng(1));
    const given = Array.from({ length: 32 }, (_, i) => nat.outbound(0, withPort(inside, 1000 + i), remotes.a1));
    assert.equal(new Set(given.map((address) => (typeof address === "string" ? address : address.ip))).size, count);
  }
});

test("a full table refuses what is new, keeps what is there, and has room again when entries end", () => {
  for (const behaviour of [portRestrictedCone, symmetric, linuxHomeRouter, firewall]) {
    const nat = translator({ ...behaviour, maxSessions: 2 });
    assert.equal(typeof nat.outbound(0, inside, remotes.a1), "object");
    assert.equal(typeof nat.outbound(10, inside, remotes.a2), "object");
    assert.equal(nat.outbound(20, inside, remotes.b1), "table-full");
    assert.equal(typeof nat.outbound(20, inside, remotes.a1), "object");
    assert.equal(typeof nat.outbound(120_015, inside, remotes.b1), "object", behaviour.kind);
    assert.ok(nat.size <= 2);
  }
});

test("Linux's entries live 30 s until both sides have sent, then 120 s", () => {
  const nat = translator(linuxHomeRouter);
  nat.outbound(0, inside, remotes.a1);
  nat.outbound(0, inside, remotes.b1);
  assert.deepEqual(nat.inbound(29_999, at("198.51.100.7:5000"), remotes.a1), inside);
  assert.equal(nat.inbound(30_000, at("198.51.100.7:5000"), remotes.b1), "no-mapping");
  assert.deepEqual(nat.inbound(149_998, at("198.51.100.7:5000"), remotes.a1), inside);
});

test("Linux gives two hosts one outside port towards different remotes, and another one towards the same", () => {
  const nat = translator(linuxHomeRouter);
  const other = at("192.168.1.3:5000");
  assert.equal(outsidePort(nat, inside, remotes.a1), 5000);
  assert.equal(outsidePort(nat, other, remotes.b1), 5000);
  assert.notEqual(outsidePort(nat, other, remotes.a1), 5000);
  assert.deepEqual(nat.inbound(1, at("198.51.100.7:5000"), remotes.a1), inside);
  assert.deepEqual(nat.inbound(1, at("198.51.100.7:5000"), remotes.b1), other);
});

test("the early packet clash: a probe that comes before the inner peer has sent costs it its port", () => {
  assert.deepEqual(earlyProbe(linuxMasquerade), { hostReceives: 0, clientReceives: 0, clientPortIsKept: false });
});

test("without unasked input, or with the clash over, an early probe does no harm", () => {
  assert.deepEqual(earlyProbe(linuxHomeRouter), { hostReceives: 1, clientReceives: 1, clientPortIsKept: true });
  assert.deepEqual(earlyProbe(linuxMasquerade, 30_000), { hostReceives: 1, clientReceives: 1, clientPortIsKept: true });
});

test("every further probe keeps the clash alive", () => {
  const nat = translator(linuxMasquerade);
  for (const now of [0, 20_000, 40_000]) nat.inbound(now, at("198.51.100.7:5000"), remotes.a1);
  assert.notEqual(outsidePort(nat, inside, remotes.a1, 60_000), 5000);
});

test("once unasked input has changed a socket's port on Linux, every later destination sees the changed one", () => {
  const { nat, changed } = clashed();
  assert.equal(outsidePort(nat, inside, remotes.a2, 1), changed);
  assert.equal(outsidePort(nat, inside, remotes.b1, 1), 5000, "known destinations keep theirs");
});

test("where the changed port is taken, Linux tries the socket's own, and that is then the one for later destinations", () => {
  const { nat, changed } = clashed();
  nat.inbound(1, at(`198.51.100.7:${changed}`), remotes.a2);
  assert.equal(outsidePort(nat, inside, remotes.a2, 1), 5000);
  assert.equal(outsidePort(nat, inside, remotes.b2, 1), 5000);
});

test("a changed port is forgotten with the last entry that has it", () => {
  const { nat } = clashed();
  assert.equal(outsidePort(nat, inside, remotes.b1, 20_000), 5000);
  assert.equal(outsidePort(nat, inside, remotes.a2, 30_000), 5000);
});

test("a NAT that reboots or gets another address has forgotten its mappings", () => {
  const world = new World({ seed: 1 });
  const home = world.nat("home", fullCone, { address: "198.51.100.7" });
  const client = bareNode(world, "client", { behind: home });
  const server = bareNode(world, "server", { address: "192.0.2.1" });
  send(client, "192.0.2.1:5000");
  world.run(1);
  home.reboot();
  send(server, "198.51.100.7:5000", 1);
  world.run(2);
  home.renumber([at("198.51.100.8:0")]);
  send(client, "192.0.2.1:5000");
  send(server, "198.51.100.7:5000", 2);
  world.run(3);
  assert.deepEqual(received(client), []);
  assert.deepEqual(received(server), ["0 from 198.51.100.7:5000", "0 from 198.51.100.8:5000"]);
});

const inside = at("192.168.1.2:5000");
const remotes = {
  a1: at("192.0.2.1:1111"),
  a2: at("192.0.2.1:2222"),
  b1: at("192.0.2.2:1111"),
  b2: at("192.0.2.2:2222"),
};

function translator(behaviour: RouterBehaviour): Translator {
  return newTranslator(behaviour, [at("198.51.100.7:0")], new Prng(1));
}

/** A Linux NAT that has given `inside` another port towards a1, because a1 was there first. */
function clashed(): { nat: Translator; changed: number } {
  const nat = translator(linuxMasquerade);
  assert.equal(outsidePort(nat, inside, remotes.b1), 5000);
  nat.inbound(0, at("198.51.100.7:5000"), remotes.a1);
  const changed = outsidePort(nat, inside, remotes.a1);
  assert.notEqual(changed, 5000);
  return { nat, changed };
}

function probe(behaviour: RouterBehaviour): Findings {
  return {
    mapping: findMapping(translator(behaviour)),
    filtering: findFiltering(translator(behaviour)),
    ports: findPorts(translator(behaviour)),
    lifetimeMs: findLifetime(behaviour),
    isKeptByInbound: findRefresh(behaviour),
    hairpin: findHairpin(behaviour),
  };
}

function cone(filtering: Dependence): Findings {
  return {
    mapping: "endpoint-independent",
    filtering,
    ports: "preserved",
    lifetimeMs: 120_000,
    isKeptByInbound: false,
    hairpin: "none",
  };
}

function symmetricLike(ports: Findings["ports"]): Findings {
  return { ...cone("address-and-port-dependent"), mapping: "address-and-port-dependent", ports };
}

/** As a probe sees it: endpoint-independent, because the port is free everywhere. */
function linuxLike(): Findings {
  return { ...cone("address-and-port-dependent"), lifetimeMs: 30_000, isKeptByInbound: true };
}

function outsidePort(nat: Translator, from: Address, to: Address, now = 0): number {
  const outside = nat.outbound(now, from, to);
  assert.ok(typeof outside === "object", `refused: ${JSON.stringify(outside)}`);
  return outside.port;
}

function findMapping(nat: Translator): Findings["mapping"] {
  const [a1, a2, b1] = [remotes.a1, remotes.a2, remotes.b1].map((remote) => outsidePort(nat, inside, remote));
  assert.equal(outsidePort(nat, inside, remotes.a1), a1);
  if (a1 === a2) return a1 === b1 ? "endpoint-independent" : "address-dependent";
  return "address-and-port-dependent";
}

function findFiltering(nat: Translator): Findings["filtering"] {
  const outside = nat.outbound(0, inside, remotes.a1);
  assert.ok(typeof outside === "object");
  assert.deepEqual(nat.inbound(0, outside, remotes.a1), inside);
  const comesIn = (from: Address): boolean => typeof nat.inbound(0, outside, from) === "object";
  if (comesIn(remotes.b1))
    return typeof nat.inbound(0, withPort(outside, 7), remotes.b1) === "object" ? "none" : "endpoint-independent";
  return comesIn(remotes.a2) ? "address-dependent" : "address-and-port-dependent";
}

/** Looks at 16 mappings of 16 sockets. */
function findPorts(nat: Translator): Findings["ports"] {
  const sockets = Array.from({ length: 16 }, (_, i) => withPort(inside, 20_000 + 977 * i));
  const ports = sockets.map((socket) => outsidePort(nat, socket, remotes.a1));
  if (ports.every((port, i) => port === sockets[i]?.port)) return "preserved";
  if (ports.every((port, i) => i === 0 || port === (ports[i - 1] ?? 0) + 1)) return "in sequence";
  return Math.max(...ports) - Math.min(...ports) < 2048 ? "in a block" : "anywhere";
}

/** Whether an answer comes in `waitMs` after the last datagram from inside; with one in between, when asked. */
function answersAfter(behaviour: RouterBehaviour, waitMs: number, answerBetween: boolean): boolean {
  const nat = translator(behaviour);
  const outside = nat.outbound(0, inside, remotes.a1);
  assert.ok(typeof outside === "object");
  if (answerBetween) nat.inbound(waitMs / 2, outside, remotes.a1);
  return typeof nat.inbound(waitMs, outside, remotes.a1) === "object";
}

function findLifetime(behaviour: RouterBehaviour): number {
  let alive = 0;
  let dead = 1_000_000;
  while (dead - alive > 1) {
    const waitMs = (alive + dead) >> 1;
    if (answersAfter(behaviour, waitMs, false)) alive = waitMs;
    else dead = waitMs;
  }
  return dead;
}

function findRefresh(behaviour: RouterBehaviour): boolean {
  return answersAfter(behaviour, findLifetime(behaviour) + 2, true);
}

function findHairpin(behaviour: RouterBehaviour): Findings["hairpin"] {
  const world = new World({ seed: 1 });
  const home = world.nat("home", behaviour, { address: "198.51.100.7" });
  const a = bareNode(world, "a", { behind: home }, 5001);
  const b = bareNode(world, "b", { behind: home }, 5002);
  for (let i = 0; i < 2; i++) {
    send(a, "198.51.100.7:5002");
    send(b, "198.51.100.7:5001");
    world.run(world.now + 1);
  }
  const from = received(b)[0]?.split(" ")[2];
  if (from === undefined) return "none";
  return from === "198.51.100.7:5001" ? "external-source" : "internal-source";
}

/** The host's probe reaches the client's router first; then, after a pause, both send. Who hears the other? */
function earlyProbe(behaviour: RouterBehaviour, pauseMs = 50): object {
  const world = new World({ seed: 1 });
  const near = world.nat("near", behaviour, { address: "198.51.100.7" });
  const far = world.nat("far", portRestrictedCone, { address: "198.51.100.8" });
  const client = bareNode(world, "client", { behind: near, delayMs: 20 });
  const host = bareNode(world, "host", { behind: far, delayMs: 10 });
  send(host, "198.51.100.7:5000");
  world.run(30 + pauseMs);
  send(client, "198.51.100.8:5000");
  world.run(world.now + 100);
  send(host, "198.51.100.7:5000");
  world.run(world.now + 100);
  const server = bareNode(world, "server", { address: "192.0.2.1" });
  send(client, "192.0.2.1:5000");
  world.run(world.now + 100);
  const clientPortIsKept = received(server)[0] === "0 from 198.51.100.7:5000" && received(host).length > 0;
  return { hostReceives: received(host).length, clientReceives: received(client).length, clientPortIsKept };
}
