import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import {
  BareMachine,
  entryText,
  firewall,
  fullCone,
  Pair,
  portRestrictedCone,
  World,
  worldEpochMs,
} from "@fractal-punch/sim";
import { at, bareNode, drops, received, receivedAt, send } from "./bare-node.ts";

test("with client, host and server 20, 10 and 15 ms from the middle, one way takes exactly the sum", () => {
  const world = new World({ seed: 1 });
  const home = world.nat("home", portRestrictedCone, { address: "198.51.100.7" });
  const client = bareNode(world, "client", { behind: home, delayMs: 20 });
  const host = bareNode(world, "host", { address: "192.0.2.2", delayMs: 10 });
  const server = bareNode(world, "server", { address: "192.0.2.1", delayMs: 15 });
  send(client, "192.0.2.1:5000");
  send(host, "192.0.2.1:5000");
  world.run(100);
  assert.deepEqual(receivedAt(server), [25, 35]);
  send(client, "192.0.2.2:5000");
  world.run(200);
  assert.deepEqual(receivedAt(host), [130]);
  send(server, "198.51.100.7:5000");
  world.run(300);
  assert.deepEqual(receivedAt(client), [235]);
});

test("a NAT stands at its node's end of the line: its hole is open when the node has sent", () => {
  const world = new World({ seed: 1 });
  const home = world.nat("home", portRestrictedCone, { address: "198.51.100.7" });
  const client = bareNode(world, "client", { behind: home, delayMs: 20 });
  const host = bareNode(world, "host", { address: "192.0.2.2", delayMs: 10 });
  send(host, "198.51.100.7:5000", 1);
  world.run(29);
  send(client, "192.0.2.2:5000");
  world.run(100);
  assert.deepEqual(received(client), ["1 from 192.0.2.2:5000"]);
});

test("the first that a machine hears is the clock, with the node's offset, and then what became of its port", () => {
  const world = new World({ seed: 1 });
  world.run(500);
  const node = bareNode(world, "node", { address: "192.0.2.1", clockOffsetMs: -3_600_000 });
  assert.deepEqual(
    node.events.map(({ event }) => event),
    [
      { type: "clock", epochMs: worldEpochMs + 500 - 3_600_000 },
      { type: "port-opened", port: 1, local: at("0.0.0.0:5000") },
    ],
  );
});

test("a port that is taken, a foreign address and a missing family are refused with the system's words", () => {
  const world = new World({ seed: 1 });
  const node = bareNode(world, "node", { address: "192.0.2.1" });
  node.command({ type: "open", port: 2, request: { family: 4, port: 5000 } });
  node.command({ type: "open", port: 3, request: { family: 4, port: 0, local: at("192.0.2.9:0") } });
  node.command({ type: "open", port: 4, request: { family: 6, port: 0 } });
  node.command({ type: "open", port: 5, request: { family: 4, port: 0, local: at("192.0.2.1:0") } });
  const answers = node.events.slice(2).map(({ event }) => (event.type === "port-failed" ? event.code : event.type));
  assert.deepEqual(answers, ["EADDRINUSE", "EADDRNOTAVAIL", "EAFNOSUPPORT", "port-opened"]);
});

test("a machine sees where a datagram was sent to, and its ECN bits, only where its driver can tell", () => {
  const none = { ttl: false, dontFragment: false, ecn: false, localAddress: false };
  for (const [abilities, expected] of [
    [none, {}],
    [{ ...none, ecn: true }, { ecn: 2 }],
    [
      { ...none, ecn: true, localAddress: true },
      { local: at("192.0.2.1:5000"), ecn: 2 },
    ],
  ] as const) {
    const world = new World({ seed: 1 });
    const seen: unknown[] = [];
    const machine = new BareMachine();
    const receive = machine.receive.bind(machine);
    machine.receive = (now, port, from, bytes, info, out) => {
      seen.push(info);
      receive(now, port, from, bytes, info, out);
    };
    bareNode(world, "server", { address: "192.0.2.1", abilities, machine });
    const client = bareNode(world, "client", { address: "192.0.2.2" });
    const bytes = new Uint8Array(4);
    client.command({ type: "send", port: 1, to: at("192.0.2.1:5000"), bytes, options: { ecn: 2 } });
    world.run(1);
    assert.deepEqual(seen, [expected]);
  }
});

test("bytes that a machine keeps past its call turn to nonsense; those in an event are its own", () => {
  const world = new World({ seed: 1 });
  const kept: Uint8Array[] = [];
  const machine = new BareMachine();
  const receive = machine.receive.bind(machine);
  machine.receive = (now, port, from, bytes, info, out) => {
    kept.push(bytes);
    receive(now, port, from, bytes, info, out);
  };
  const server = bareNode(world, "server", { address: "192.0.2.1", machine });
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  send(client, "192.0.2.1:5000", 7);
  world.run(1);
  assert.deepEqual(kept, [Uint8Array.of(0xdd, 0xdd, 0xdd, 0xdd)]);
  assert.deepEqual(received(server), ["7 from 192.0.2.2:5000"]);
});

test("two nodes that are cut from each other still reach a third, until they are healed", () => {
  const world = new World({ seed: 1 });
  const home = world.nat("home", fullCone, { address: "198.51.100.7" });
  const a = bareNode(world, "a", { behind: home, delayMs: 5 });
  const b = bareNode(world, "b", { address: "192.0.2.2", delayMs: 5 });
  const c = bareNode(world, "c", { address: "192.0.2.3", delayMs: 5 });
  send(a, "192.0.2.2:5000", 1);
  world.run(100);
  world.cut(a, b);
  send(a, "192.0.2.2:5000", 2);
  send(b, "198.51.100.7:5000", 2);
  send(a, "192.0.2.3:5000", 2);
  send(c, "198.51.100.7:5000", 3);
  world.run(200);
  assert.deepEqual(drops(world), ["cut", "cut"]);
  assert.deepEqual(received(a), ["3 from 192.0.2.3:5000"]);
  assert.deepEqual(received(c), ["2 from 198.51.100.7:5000"]);
  world.heal(a, b);
  send(b, "198.51.100.7:5000", 4);
  world.run(300);
  assert.deepEqual(received(a), ["3 from 192.0.2.3:5000", "4 from 192.0.2.2:5000"]);
  assert.deepEqual(received(b), ["1 from 198.51.100.7:5000"]);
});

test("an impaired pair has a further delay that others do not have", () => {
  const world = new World({ seed: 1 });
  const a = bareNode(world, "a", { address: "192.0.2.1", delayMs: 5 });
  const b = bareNode(world, "b", { address: "192.0.2.2", delayMs: 5 });
  const c = bareNode(world, "c", { address: "192.0.2.3", delayMs: 5 });
  world.impair(a, b, { delayMs: 100 });
  send(a, "192.0.2.2:5000");
  send(a, "192.0.2.3:5000");
  world.run(200);
  assert.deepEqual([receivedAt(b), receivedAt(c)], [[110], [10]]);
});

test("a node that moves behind another NAT is seen from its address there, from the same socket", () => {
  const world = new World({ seed: 1 });
  const home = world.nat("home", portRestrictedCone, { address: "198.51.100.7", delayMs: 20 });
  const cafe = world.nat("cafe", portRestrictedCone, { address: "198.51.100.8", delayMs: 30 });
  const client = bareNode(world, "client", { behind: home });
  const server = bareNode(world, "server", { address: "192.0.2.1", delayMs: 15 });
  send(client, "192.0.2.1:5000", 1);
  world.run(100);
  client.move({ behind: cafe });
  send(server, "198.51.100.7:5000", 2);
  send(client, "192.0.2.1:5000", 3);
  world.run(200);
  assert.deepEqual(received(server), ["1 from 198.51.100.7:5000", "3 from 198.51.100.8:5000"]);
  assert.deepEqual(receivedAt(server), [35, 145]);
  assert.deepEqual(drops(world), ["no-route"]);
});

test("with its first interface down a node sends by the second, and with none it says so", () => {
  const world = new World({ seed: 1 });
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  const [lte] = client.join({ address: "192.0.2.3" });
  const server = bareNode(world, "server", { address: "192.0.2.1" });
  const [wifi] = client.interfaces;
  assert.ok(wifi !== undefined && lte !== undefined);
  wifi.isUp = false;
  assert.deepEqual(client.addresses, [at("192.0.2.3:0")]);
  send(client, "192.0.2.1:5000");
  send(server, "192.0.2.2:5000");
  world.run(1);
  lte.isUp = false;
  send(client, "192.0.2.1:5000");
  world.run(2);
  assert.deepEqual(received(server), ["0 from 192.0.2.3:5000"]);
  assert.deepEqual(drops(world), ["interface-down", "no-interface"]);
});

test("a stopped machine's sockets are gone; a new one starts with the clock and may take the same port", () => {
  const world = new World({ seed: 1 });
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  const server = bareNode(world, "server", { address: "192.0.2.1" });
  server.stop();
  send(client, "192.0.2.1:5000", 1);
  world.run(1);
  server.start(new BareMachine());
  server.command({ type: "open", port: 1, request: { family: 4, port: 5000 } });
  send(client, "192.0.2.1:5000", 2);
  world.run(2);
  assert.deepEqual(drops(world), ["no-socket"]);
  assert.deepEqual(
    server.events.map(({ event }) => event.type),
    ["clock", "port-opened", "clock", "port-opened", "received"],
  );
});

test("behind a home NAT behind a carrier's, the world sees the carrier's address, and answers come through both", () => {
  const world = new World({ seed: 1 });
  const carrier = world.nat("carrier", portRestrictedCone, { address: "198.51.100.7", inside: "100.64.0.0/10" });
  const home = world.nat("home", portRestrictedCone, { behind: carrier, delayMs: 5 });
  const client = bareNode(world, "client", { behind: home });
  const server = bareNode(world, "server", { address: "192.0.2.1", delayMs: 15 });
  assert.deepEqual(
    [home.addresses.map(addressText), client.addresses.map(addressText)],
    [["100.64.0.2:0"], ["192.168.2.2:0"]],
  );
  send(client, "192.0.2.1:5000");
  world.run(100);
  send(server, "198.51.100.7:5000");
  world.run(200);
  assert.deepEqual(received(server), ["0 from 198.51.100.7:5000"]);
  assert.deepEqual(receivedAt(client), [120]);
});

test("homes behind one carrier reach each other by their addresses there, without leaving it", () => {
  const world = new World({ seed: 1 });
  const carrier = world.nat("carrier", fullCone, { address: "198.51.100.7", inside: "100.64.0.0/10", delayMs: 50 });
  const homes = ["one", "two"].map((name) => world.nat(name, fullCone, { behind: carrier, delayMs: 5 }));
  const [a, b] = homes.map((home, index) => bareNode(world, `node ${index}`, { behind: home }));
  assert.ok(a !== undefined && b !== undefined);
  send(b, "100.64.0.2:5000");
  send(a, "100.64.0.3:5000");
  world.run(100);
  assert.deepEqual([receivedAt(a), receivedAt(b)], [[10], [10]]);
});

test("an address of the own private network that nobody has goes nowhere, and costs the NAT nothing", () => {
  const world = new World({ seed: 1 });
  const home = world.nat("home", portRestrictedCone);
  const client = bareNode(world, "client", { behind: home });
  send(client, "192.168.1.77:5000");
  send(client, "10.0.0.1:5000");
  world.run(1);
  assert.deepEqual(drops(world), ["no-route", "no-route"]);
  assert.equal(home.tableSize, 1);
});

test("IPv6 behind a firewall keeps its address, and lets in only what was asked for", () => {
  const world = new World({ seed: 1 });
  const wall = world.nat("wall", firewall, { inside: "2001:db8:1::/64", delayMs: 5 });
  const client = bareNode(world, "client", { behind: wall });
  const server = bareNode(world, "server", { address: "2001:db8::1", delayMs: 5 });
  send(server, "[2001:db8:1::2]:5000", 1);
  world.run(100);
  send(client, "[2001:db8::1]:5000", 2);
  send(server, "[2001:db8:1::2]:5000", 3);
  world.run(200);
  assert.deepEqual(drops(world), ["filtered"]);
  assert.deepEqual(received(server), ["2 from [2001:db8:1::2]:5000"]);
  assert.deepEqual(received(client), ["3 from [2001:db8::1]:5000"]);
});

test("a node behind an IPv4 NAT and an IPv6 firewall has an address of each family", () => {
  const world = new World({ seed: 1 });
  const behind = [world.nat("home", portRestrictedCone), world.nat("wall", firewall)];
  const node = world.node("node", { behind, delayMs: 20 });
  assert.deepEqual(node.addresses.map(addressText), ["192.168.1.2:0", "[2600:1::2]:0"]);
});

test("a datagram with a short time to live opens its own NAT and dies before the far one", () => {
  const world = new World({ seed: 1 });
  const near = world.nat("near", portRestrictedCone);
  const far = world.nat("far", portRestrictedCone, { address: "198.51.100.8" });
  const a = bareNode(world, "a", { behind: near });
  bareNode(world, "b", { behind: far });
  send(a, "198.51.100.8:5000", 0, 4);
  send(a, "198.51.100.8:5000", 0, 64);
  world.run(1);
  assert.deepEqual(drops(world), ["ttl", "no-mapping"]);
  assert.equal(near.tableSize, 1);
});

test("a forged source is seen by the one that it was sent to", () => {
  const world = new World({ seed: 1 });
  const server = bareNode(world, "server", { address: "192.0.2.1" });
  world.forge(at("203.0.113.9:9"), at("192.0.2.1:5000"), Uint8Array.of(1));
  assert.deepEqual(received(server), ["1 from 203.0.113.9:9"]);
});

test("runUntil stops at once when its condition holds, and else says who was waiting for what", () => {
  const world = new World({ seed: 7 });
  const client = bareNode(world, "client", { address: "192.0.2.2", delayMs: 5 });
  const server = bareNode(world, "server", { address: "192.0.2.1", delayMs: 5 });
  send(client, "192.0.2.1:5000");
  assert.equal(
    world.runUntil(() => received(server).length === 1),
    10,
  );
  world.after(100_000, () => send(client, "192.0.2.1:5000"));
  const wait = (): number => world.runUntil(() => received(server).length === 2, 1000);
  assert.throws(
    wait,
    /seed 7: .* by 1000 ms\. client waits for nothing; server waits for nothing; 1 things are under way/,
  );
  assert.equal(world.now, 1000);
});

test("a scenario without an end stops after a virtual hour, and says who still waits for what", () => {
  const endless: ((world: World) => void)[] = [
    (world) => world.run(Infinity),
    (world) => void world.runUntil(() => false),
    (world) => void world.runUntil(() => false, Infinity),
  ];
  for (const end of endless) {
    const world = new World({ seed: 1 });
    bareNode(world, "server", { address: "192.0.2.1" });
    world.after(4_000_000, () => undefined);
    assert.throws(() => end(world), /by 3600000 ms\. server waits for nothing; 1 things are under way/);
  }
  assert.throws(() => new Pair().begin().pass(Infinity), /host wakes at [0-9.]+ ms/);
});

test("a machine that wants to be woken for ever at one moment is named, not waited for", () => {
  const world = new World({ seed: 1 });
  const machine = new BareMachine();
  machine.nextWake = () => 10;
  world.node("busy", { address: "192.0.2.1", machine });
  assert.throws(() => world.run(100), /busy is stuck/);
});

test("the same seed gives the same world, datagram for datagram, and another seed another", () => {
  const [first, again, other] = [11, 11, 12].map((seed) => noisyWorld(seed).log.map(entryText).join("\n"));
  assert.equal(first, again);
  assert.notEqual(first, other);
});

test("without its log a world goes the same way, and keeps nothing", () => {
  const told: string[][] = [true, false].map((log) => {
    const world = noisyWorld(11, log);
    assert.equal(world.log.length > 0, log);
    return [world.waiting(), String(world.now)];
  });
  assert.deepEqual(told[0], told[1]);
});

test("a watcher sees each datagram sent, delivered or dropped, and each event", () => {
  const world = new World({ seed: 1 });
  const seen: string[] = [];
  world.watch({
    sent: (datagram) => seen.push(`sent by ${datagram.origin.name}`),
    delivered: (datagram, to) => seen.push(`delivered to ${to.name} from ${addressText(datagram.source)}`),
    dropped: (_, why) => seen.push(`dropped: ${why}`),
    event: (node) => seen.push(`event of ${node.name}`),
  });
  const a = bareNode(world, "a", { address: "192.0.2.1" });
  const b = world.node("b", { address: "192.0.2.2", machine: new BareMachine() });
  b.command({ type: "open", port: 1, request: { family: 4, port: 1 } });
  seen.length = 0;
  send(a, "192.0.2.2:1");
  send(a, "192.0.2.2:2");
  world.run(1);
  assert.deepEqual(seen, [
    "sent by a",
    "sent by a",
    "delivered to b from 192.0.2.1:5000",
    "event of b",
    "dropped: no-socket",
  ]);
});

test("a machine is never called inside its own call, even by a neighbour that answers in no time", () => {
  const world = new World({ seed: 1 });
  let depth = 0;
  let deepest = 0;
  const machine = new BareMachine(true);
  const receive = machine.receive.bind(machine);
  machine.receive = (now, port, from, bytes, info, out) => {
    deepest = Math.max(deepest, ++depth);
    receive(now, port, from, bytes, info, out);
    depth--;
  };
  const [a, b] = [machine, new BareMachine(true)].map((one, i) =>
    bareNode(world, `node ${i}`, { address: `192.0.2.${i + 1}`, machine: one }),
  );
  assert.ok(a !== undefined && b !== undefined);
  b.onEvent(() => b.events.length > 50 && world.cut(a, b));
  send(a, "192.0.2.2:5000");
  world.run(2);
  assert.equal(deepest, 1);
  assert.ok(received(a).length > 40);
});

test("a world in which datagrams go to and fro in no time is stopped with a word, not waited for", () => {
  const world = new World({ seed: 1, log: false, events: false });
  const a = bareNode(world, "a", { address: "192.0.2.1", machine: new BareMachine(true) });
  bareNode(world, "b", { address: "192.0.2.2", machine: new BareMachine(true) });
  send(a, "192.0.2.2:5000");
  assert.throws(() => world.run(1), /time stands still at 0 ms/);
});

test("a clock that is set is told to the machine, and a line that is changed is so from then on", () => {
  const world = new World({ seed: 1 });
  const home = world.nat("home", fullCone, { address: "198.51.100.7" });
  const client = bareNode(world, "client", { behind: home, delayMs: 20 });
  const server = bareNode(world, "server", { address: "192.0.2.1" });
  client.shiftClock(5000);
  assert.deepEqual(client.events.at(-1)?.event, { type: "clock", epochMs: worldEpochMs + 5000 });
  home.line.change({ delayMs: 40, down: { lossRate: 1 } });
  send(client, "192.0.2.1:5000");
  world.run(50);
  send(server, "198.51.100.7:5000");
  world.run(100);
  assert.deepEqual([receivedAt(server), drops(world)], [[40], ["lost"]]);
});

test("nodes behind one router have one line: another description of it is refused", () => {
  const world = new World({ seed: 1 });
  const home = world.nat("home", fullCone);
  bareNode(world, "a", { behind: home, delayMs: 20 });
  bareNode(world, "b", { behind: home, delayMs: 20 });
  assert.throws(() => bareNode(world, "c", { behind: home, delayMs: 30 }), /router home has a line already/);
});

test("two nodes of one name, two of one address, and text that is no address are refused", () => {
  const world = new World({ seed: 1 });
  bareNode(world, "a", { address: "192.0.2.1" });
  assert.throws(() => bareNode(world, "a", { address: "192.0.2.2" }), /a node a already/);
  assert.throws(() => bareNode(world, "b", { address: "192.0.2.1" }), /192\.0\.2\.1 .*already/);
  assert.throws(() => bareNode(world, "c", { address: "192.0.2" }), /"192\.0\.2" is no IP address/);
});

/** Two echoing nodes behind a NAT each, on bad lines, for a second. */
function noisyWorld(seed: number, log = true): World {
  const world = new World({ seed, log });
  const bad = { delayMs: 10, jitterMs: 5, lossRate: 0.1, duplicateRate: 0.1, reorderRate: 0.1 };
  const a = bareNode(world, "a", { ...bad, address: "192.0.2.1", machine: new BareMachine(true) });
  const home = world.nat("home", fullCone, { address: "198.51.100.7" });
  const b = bareNode(world, "b", { ...bad, behind: home, machine: new BareMachine(true) });
  for (let i = 0; i < 10; i++) send(i % 2 === 0 ? b : a, i % 2 === 0 ? "192.0.2.1:5000" : "198.51.100.7:5000", i);
  world.run(1000);
  return world;
}
