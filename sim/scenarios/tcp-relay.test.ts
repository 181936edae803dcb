/** TCP between a client of TURN and a peer, both behind NATs that hold no hole open for each other (RFC 6062). */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "@fractal-punch/machine";
import { networkFromText, Server, type ServerCommand, type ServerEvent } from "@fractal-punch/server/core";
import { BareMachine, type LineOptions, type Node, primitives, symmetric, World } from "@fractal-punch/sim";
import { Attribute, connectionIdOf, errorCodeOf, Method, xorAddress } from "@fractal-punch/wire";
import { endpoint } from "./attacker.ts";
import { alice, TurnClient } from "./turn-client.ts";

const serverAddress = endpoint("192.0.2.1:48800");
const lossy: LineOptions = { delayMs: 15, lossRate: 0.05, duplicateRate: 0.05, reorderRate: 0.05 };
/** More than what may be under way and what makes a stream full. */
const lengthBytes = 300_000;

test("a peer dials the relayed address, and all bytes come whole and in order both ways over lines that lose", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { world, client, server } = scene(seed);
    const relayed = allocated(client());
    const peer = behindNat(world, "peer");
    relayed.control.ask(Method.createPermission, (builder) =>
      builder.xorAddress(Attribute.xorPeerAddress, peer.seenAs),
    );
    const far = peer.node.dial(relayed.address);
    let farBytes = 0;
    far.onEvent((event) => {
      if (event.type === "received") farBytes += event.bytes.length;
    });
    const sent = randomBytes(world, "peer's");
    far.write(sent);
    const attempt = relayed.control.next();
    assert.equal(attempt.method, Method.connectionAttempt);
    const data = bound(client(), connectionIdOf(attempt));
    const answer = randomBytes(world, "client's");
    data.stream.write(answer);
    world.runUntil(() => data.data.length === lengthBytes && farBytes === lengthBytes, world.now + 600_000);
    assert.deepEqual([Uint8Array.from(data.data), far.bytes], [sent, answer]);
    far.close();
    world.runUntil(() => data.stream.end !== undefined, world.now + 60_000);
    assert.equal(server.sizes.connections, 0);
  }
});

test("a client dials a peer; what it sent before it went arrives, and nothing is left", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { world, client, server, node } = scene(seed);
    const relayed = allocated(client());
    const peer = world.node("peer", { ...lossy, address: "198.51.100.9", machine: new BareMachine() });
    peer.command({ type: "open", port: 2, request: { transport: "tcp", family: 4, port: 5000 } });
    const connected = relayed.control.ask(Method.tcpConnect, (builder) =>
      builder.xorAddress(Attribute.xorPeerAddress, endpoint("198.51.100.9:5000")),
    );
    const data = bound(client(), connectionIdOf(connected));
    const sent = randomBytes(world, "client's");
    data.stream.write(sent.subarray(0, 60_000));
    data.stream.close();
    const receivedBytes = (): number =>
      peer.events.reduce((sum, { event }) => sum + (event.type === "received" ? event.bytes.length : 0), 0);
    const hasEnded = (): boolean => peer.events.some(({ event }) => event.type === "stream-ended");
    world.runUntil(hasEnded, world.now + 120_000);
    assert.equal(receivedBytes(), 60_000);
    relayed.control.stream.close();
    world.run(world.now + 120_000);
    const { allocations, connections, streams } = server.sizes;
    assert.deepEqual([allocations, connections, streams, node.openStreams, node.openPorts], [0, 0, 0, 0, 2]);
  }
});

test("a peer that answers nobody is given up after 30 s: 447", () => {
  const { world, client } = scene(1);
  const { control } = allocated(client());
  const from = world.now;
  const answer = control.ask(Method.tcpConnect, (builder) =>
    builder.xorAddress(Attribute.xorPeerAddress, endpoint("198.51.100.99:5000")),
  );
  assert.equal(errorCodeOf(answer), 447);
  assert.ok(world.now - from >= 30_000 && world.now - from < 31_000, `${world.now - from} ms`);
});

/** A server with TURN, and a client behind a NAT of its own. */
function scene(seed: number) {
  const world = new World({ seed });
  const allow = ["198.51.100.0/24", "203.0.113.0/24"].map((text) => networkFromText(text) ?? assert.fail(text));
  const server = new Server({
    secret: "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
    primitives,
    random: world.random("server"),
    access: "tickets",
    ports: [{ family: 4, port: 48_800, main: true }],
    classic: false,
    turn: {
      realm: alice.realm,
      users: new Map([[alice.username, alice.password]]),
      relayPorts: { first: 50_000, last: 50_999 },
      allow,
      deny: [],
    },
  });
  const node: Node<ServerCommand, ServerEvent> = world.node("server", { delayMs: 5, address: "192.0.2.1" });
  node.start(server);
  node.command({ type: "start" });
  node.command({ type: "public-addresses", addresses: [serverAddress], own: [serverAddress] });
  const home = behindNat(world, "client");
  return { world, server, node, client: () => new TurnClient(world, home.node, serverAddress) };
}

function behindNat(world: World, name: string) {
  const router = world.nat(`${name}'s router`, symmetric, lossy);
  const [seenAs] = router.addresses;
  assert.ok(seenAs);
  return { node: world.node(name, { behind: router, machine: new BareMachine() }), seenAs };
}

function allocated(control: TurnClient): { readonly control: TurnClient; readonly address: Address } {
  const answer = control.ask(Method.allocate, (builder) => builder.u32(Attribute.requestedTransport, 6 << 24));
  const address = xorAddress(answer, Attribute.xorRelayedAddress);
  assert.ok(address, `${errorCodeOf(answer)}`);
  return { control, address };
}

function bound(client: TurnClient, id: number | undefined): TurnClient {
  const answer = client.ask(Method.connectionBind, (builder) => builder.u32(Attribute.connectionId, id ?? 0));
  assert.equal(errorCodeOf(answer), undefined);
  return client;
}

function randomBytes(world: World, name: string): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  world.random(name).fill(bytes);
  return bytes;
}
