import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { portRestrictedCone, World } from "@fractal-punch/sim";
import { at, type BareNode, bareNode, drops } from "./bare-node.ts";

const server = "192.0.2.1:5000";

test("a port that dials is told when it is connected, and at which address; then bytes go both ways", () => {
  const { world, listener, client } = twoNodes();
  dial(client, server);
  world.run(60);
  assert.deepEqual(news(client), [`60 stream-opened ${server}`]);
  client.command({ type: "send", port: 2, to: at(server), bytes: Uint8Array.of(1, 2, 3, 4) });
  world.run(200);
  const opened = listener.events.find(({ event }) => event.type === "stream-opened")?.event;
  assert(opened?.type === "stream-opened");
  listener.command({ type: "send", port: 2, to: opened.from, bytes: Uint8Array.of(5, 6) });
  world.run(2000);
  assert.equal(bytesOf(listener), "1,2,3,4");
  assert.equal(bytesOf(client), "5,6");
});

test("a port that dials hears why it is not connected: refused at once, silent after ten seconds, no way there at all", () => {
  const { world, listener, client } = twoNodes();
  dial(client, "192.0.2.1:5001");
  world.run(1000);
  assert.deepEqual(news(client), ["60 port-failed ECONNREFUSED"]);
  world.cut(client, listener);
  dial(client, server, 3);
  world.run(20_000);
  assert.deepEqual(news(client).slice(1), ["11000 port-failed ETIMEDOUT"]);
  dial(client, "[2001:db8::1]:5000", 4);
  assert.equal(news(client).at(-1), "20000 port-failed EAFNOSUPPORT");
  assert.equal(client.openStreams, 0);
});

test("what was sent leaves before a dialled port is closed, and nothing is told of it; its number is free", () => {
  const { world, listener, client } = twoNodes();
  dial(client, server);
  world.run(100);
  client.command({ type: "send", port: 2, to: at(server), bytes: Uint8Array.of(9) });
  client.command({ type: "close", port: 2 });
  dial(client, server);
  world.run(20_000);
  assert.equal(bytesOf(listener), "9");
  assert.deepEqual(listener.events.filter(({ event }) => event.type === "stream-ended").length, 1);
  assert.deepEqual(news(client), [`60 stream-opened ${server}`, `160 stream-opened ${server}`]);
});

test("a dialled stream that the far end closes has ended, once; one that is closed while it is dialled never was", () => {
  const { world, listener, client } = twoNodes();
  dial(client, server);
  client.command({ type: "close", port: 2 });
  world.run(15_000);
  assert.deepEqual(news(client), []);
  dial(client, server);
  world.run(15_100);
  listener.command({ type: "close", port: 2 });
  world.run(40_000);
  assert.deepEqual(news(client).slice(1), [`15130 stream-ended ${server}`]);
});

test("a router that blocks UDP lets TCP pass, both ways, and UDP again when it blocks no more", () => {
  const world = new World({ seed: 1 });
  const listener = listen(world);
  const router = world.nat("office", portRestrictedCone, { delayMs: 20 });
  const client = bareNode(world, "client", { behind: router });
  router.blocksUdp = true;
  const ask = (): void => client.command({ type: "send", port: 1, to: at("192.0.2.1:5000"), bytes: Uint8Array.of(1) });
  ask();
  dial(client, server);
  world.run(1000);
  assert.deepEqual(drops(world), ["filtered"]);
  assert.deepEqual(news(client), [`60 stream-opened ${server}`]);
  router.blocksUdp = false;
  ask();
  world.run(2000);
  assert.equal(listener.events.filter(({ event }) => event.type === "received").length, 1);
});

/** A client, and a machine 30 ms away that listens to TCP on port 5000 as its port number 2, and to UDP. */
function twoNodes(): { world: World; listener: BareNode; client: BareNode } {
  const world = new World({ seed: 1 });
  const listener = listen(world);
  return { world, listener, client: bareNode(world, "client", { address: "192.0.2.2", delayMs: 20 }) };
}

function listen(world: World): BareNode {
  const listener = bareNode(world, "server", { delayMs: 10, address: "192.0.2.1" });
  listener.command({ type: "open", port: 2, request: { transport: "tcp", family: 4, port: 5000 } });
  return listener;
}

function dial(node: BareNode, to: string, port = 2): void {
  const remote = at(to);
  node.command({ type: "open", port, request: { transport: "tls", family: remote.family, port: 0, remote } });
}

/** What a node heard of its streams and of ports that could not be opened, with times. */
function news(node: BareNode): string[] {
  return node.events.flatMap(({ atMs, event }) => {
    if (event.type === "port-failed") return [`${atMs} port-failed ${event.code}`];
    const isNews = event.type === "stream-opened" || event.type === "stream-ended";
    return isNews ? [`${atMs} ${event.type} ${addressText(event.from)}`] : [];
  });
}

function bytesOf(node: BareNode): string {
  return node.events
    .flatMap(({ event }) => (event.type === "received" && event.port === 2 ? [...event.bytes] : []))
    .join();
}
