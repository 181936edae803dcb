import assert from "node:assert/strict";
import { test } from "node:test";
import { clientSession, type PeerCommand, type PeerEvent } from "@fractal-punch/peer/core";
import { type Node, Pair, portRestrictedCone, type RouterBehaviour, symmetric, World } from "@fractal-punch/sim";
import { asciiBytes, asciiText } from "@fractal-punch/wire";
import { delays } from "./places.ts";

const clients = 200;
const datagramsEach = 10;
const rough = { delayMs: 20, jitterMs: 5, lossRate: 0.05, duplicateRate: 0.05, reorderRate: 0.05 };

for (const [name, nat] of Object.entries({ direct: portRestrictedCone, relayed: symmetric }))
  test(`${clients} ${name} clients of one host over rough lines: each datagram arrives at most once, unaltered, in its session`, () => {
    const { pair, nodes } = crowd(nat);
    for (const [index, node] of nodes.entries()) talk(pair, node, index);
    pair.pass(3000);
    const asked = textsBySession(pair);
    assert.equal(asked.length, clients, "each client has one session");
    assert.deepEqual(
      asked.map(clientOf).toSorted(byNumber),
      nodes.map((_, index) => index),
      "and each session one client",
    );
    const echoed = nodes.map((node) => textsOf(node.events.map(({ event }) => event)));
    for (const [index, texts] of echoed.entries()) assert.ok(texts.every((text) => text.startsWith(`${index} `)));
    for (const texts of [...asked, ...echoed]) {
      assert.equal(new Set(texts).size, texts.length, "none arrived twice");
      assert.ok(
        texts.every((text) => text === textOf(...numbersOf(text))),
        "none was altered",
      );
    }
    const share = (received: string[][]): number => received.flat().length / (clients * datagramsEach);
    assert.ok(share(asked) > 0.9, `${share(asked)} came to the host`);
    assert.ok(share(echoed) > 0.8, `${share(echoed)} came back`);
    leaveWithoutAWord(pair, nodes);
  });

type Client = Node<PeerCommand, PeerEvent>;

/** A host and its clients, all connected: 40 of them come each second, which is what a host is allowed. */
function crowd(nat: RouterBehaviour): { pair: Pair; nodes: Client[] } {
  const world = new World({ seed: 1, log: false });
  const limits = { clientIntroductionRate: { perSecond: 100, burst: 100 } };
  const pair = new Pair({ server: { ...delays.server, limits }, host: { ...delays.host, behind: nat } }, world);
  pair.begin().echo();
  const nodes: Client[] = [];
  for (let i = 0; i < clients; i++)
    world.after(25 * i, () => nodes.push(pair.connectAnother(`client ${i}`, { ...rough, behind: nat })));
  pair.pass(25 * clients + 8000);
  return { pair, nodes };
}

/** Ten minutes later nothing of them is left, at the host and at the server. */
function leaveWithoutAWord(pair: Pair, nodes: readonly Client[]): void {
  for (const node of nodes) node.stop();
  pair.pass(11 * 60_000);
  assert.equal(pair.hostEvents("closed").length, clients);
  const { channels, introductions, tuples, registrations } = pair.serverSizes ?? {};
  assert.deepEqual({ channels, introductions }, { channels: 0, introductions: 0 });
  assert.deepEqual({ tuples, registrations }, { tuples: 1, registrations: 1 }, "the host's own");
}

function talk(pair: Pair, node: Client, client: number): void {
  for (let i = 0; i < datagramsEach; i++) {
    const data = asciiBytes(textOf(client, i));
    pair.world.after(20 * i, () => node.command({ type: "send", session: clientSession, data }));
  }
}

/** The i-th datagram of a client: its numbers, and as much behind them as they say. */
function textOf(client: number, i: number): string {
  return `${client} ${i} ${"x".repeat((client * 7 + i * 113) % 1100)}`;
}

function numbersOf(text: string): [client: number, i: number] {
  const [client, i] = text.split(" ");
  return [Number(client), Number(i)];
}

function clientOf(texts: readonly string[]): number {
  const found = new Set(texts.map((text) => numbersOf(text)[0]));
  return found.size === 1 ? ([...found][0] ?? -1) : -1;
}

function textsBySession(pair: Pair): string[][] {
  const events = pair.hostEvents("data").map(({ event }) => event);
  const sessions = new Set(events.map(({ session }) => session));
  return [...sessions].map((session) => textsOf(events.filter((event) => event.session === session)));
}

function textsOf(events: readonly PeerEvent[]): string[] {
  return events.flatMap((event) => (event.type === "data" ? [asciiText(event.data)] : []));
}

function byNumber(a: number, b: number): number {
  return a - b;
}
