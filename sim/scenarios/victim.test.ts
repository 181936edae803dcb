import assert from "node:assert/strict";
import { test } from "node:test";
import { fullCone, Pair, portRestrictedCone } from "@fractal-punch/sim";
import { asciiBytes, channelDataNumber, encodeNoChannel, StunBuilder } from "@fractal-punch/wire";
import { Attacker, endpoint, sentTo } from "./attacker.ts";
import { between, delays, missing } from "./places.ts";

const victim = endpoint("203.0.113.66:53");

test("a client with a valid ticket that speaks in a victim's name brings it fewer bytes than it spends itself", () => {
  const pair = new Pair({ ...between(fullCone, fullCone), earlyData: true }).begin().echo();
  const spent = inVictimsName(pair);
  pair.connectAnother("mallory", delays.client, { earlyData: "x".repeat(600) });
  for (let i = 0; i < 100; i++) pair.world.after(300 + 10 * i, () => pair.sendBack("x".repeat(1000)));
  pair.pass(30_000);
  assert.ok(pair.hostEvents("session").length > 0, "the host took the introduction");
  const fromServer = sentTo(pair, victim).filter(({ from }) => from === "server");
  const fromHost = sentTo(pair, victim).filter(({ from }) => from === "host");
  assert.ok(bytesOf(fromServer) > 0 && bytesOf(fromServer) <= spent(), `${bytesOf(fromServer)} of ${spent()}`);
  assert.ok(fromHost.length <= 3, `${fromHost.length} datagrams of the host`);
});

test("a client that names a victim among its candidates brings it three small probes a round", () => {
  const pair = new Pair(between(fullCone, portRestrictedCone)).begin().connected().pass(5000);
  pair.client.command({ type: "interfaces", interfaces: [{ address: { ...victim, port: 0 }, prefixBits: 24 }] });
  pair.stream(500, 20);
  pair.pass(10_000);
  const probes = sentTo(pair, victim);
  assert.ok(probes.length > 0 && probes.length <= 3, `${probes.length} probes`);
  assert.ok(probes.every(({ lengthBytes }) => lengthBytes <= 64));
});

for (const [name, cut] of Object.entries({ direct: false, relayed: true }))
  test(`forged hints that its channel is gone, fifty a second, cost a ${name} session nothing`, () => {
    const pair = new Pair(between(fullCone, fullCone)).begin();
    if (cut) pair.world.cut(pair.client, pair.host);
    pair.connected().pass(3000);
    const attacker = new Attacker(pair);
    pair.stream(1000, 10);
    pair.streamBack(1000, 10);
    for (let i = 0; i < 500; i++) pair.world.after(20 * i, () => hint(pair, attacker));
    pair.pass(12_000);
    assert.deepEqual(pair.paths, [name, name]);
    assert.deepEqual(missing(pair.requests, 1000), []);
    assert.deepEqual(missing(pair.replies, 1000), []);
    const connects = pair.world.log.filter(({ from, lengthBytes }) => from === "client" && lengthBytes === 1200);
    assert.ok(connects.length <= 150, `${connects.length} Connects`);
  });

/** The server's hint at the newest channel that was seen, forged for each end. */
function hint(pair: Pair, attacker: Attacker): void {
  for (const name of ["client", "host"]) {
    const last = attacker.captured.findLast(({ from, bytes }) => from === name && (bytes[0] ?? 0) >> 4 === 4);
    const channel = last && channelDataNumber(last.bytes);
    const to = pair.world.log.find(({ from, to: at }) => from === name && at === "server")?.seenFrom;
    if (channel === undefined || to === undefined) continue;
    const bytes = encodeNoChannel(new StunBuilder(), asciiBytes("hint-hint-hi"), channel);
    pair.world.forge(endpoint("192.0.2.1:48800"), to, bytes);
  }
}

/** All that "mallory" sends to the server comes from the victim instead; gives how many bytes that were. */
function inVictimsName(pair: Pair): () => number {
  let bytesSpent = 0;
  pair.world.watch({
    sent: ({ origin, target, bytes }) => {
      if (origin.name !== "mallory") return;
      const copy = bytes.slice();
      bytesSpent += copy.length;
      pair.world.after(0, () => pair.world.forge(victim, target, copy));
    },
  });
  for (const to of [pair.server, pair.host]) pair.world.cut({ name: "mallory", nextWake: () => Infinity }, to);
  return () => bytesSpent;
}

function bytesOf(datagrams: readonly { lengthBytes: number }[]): number {
  return datagrams.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}
