import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, withPort } from "@fractal-punch/machine";
import { fullCone, Pair } from "@fractal-punch/sim";
import { Attacker, endpoint, sentTo } from "./attacker.ts";
import { between, missing, twice } from "./places.ts";

const victim = endpoint("203.0.113.66:53");
const server = endpoint("192.0.2.1:48800");

test("replays of every datagram of a session from elsewhere bring that address three datagrams of the host at most", () => {
  const { pair, attacker } = attacked();
  pair.connected({ earlyData: "early" });
  pair.stream(1000, 10);
  pair.streamBack(1000, 10);
  pair.pass(3000);
  for (const each of attacker.kinds) for (let times = 0; times < 20; times++) attacker.replay(victim, each);
  pair.pass(8000);
  undisturbed(pair, "direct");
  assert.deepEqual(pair.hostEvents("data").filter(({ event }) => event.early).length, 1);
  const fromPeers = sentTo(pair, victim).filter(({ from }) => from !== "server");
  assert.ok(fromPeers.length <= 3, `${fromPeers.length} datagrams`);
});

test("a replay of everything that was ever captured, in order and from its own sources, changes nothing", () => {
  const { pair, attacker } = attacked();
  pair.connected({ earlyData: "early" });
  pair.stream(1000, 10);
  pair.streamBack(1000, 10);
  pair.pass(3000);
  const sources = sourcesOf(pair);
  for (const each of attacker.captured) attacker.replay(sources[each.from] ?? victim, each);
  pair.pass(8000);
  undisturbed(pair, "direct");
  assert.equal(pair.hostEvents("data").filter(({ event }) => event.early).length, 1);
  assert.equal(pair.hostEvents("session").length, 1);
});

test("an attacker who copies each datagram of the introduction at once, from elsewhere, neither stops it nor gets a session", () => {
  const { pair, attacker } = attacked();
  const before = attacker.captured.length;
  pair.world.watch({
    sent: ({ origin, target, bytes }) => {
      if (origin.name === "forger") return;
      const copy = { from: origin.name, target, bytes: bytes.slice() };
      pair.world.after(50, () => attacker.replay(victim, copy));
    },
  });
  pair.connected().pass(3000);
  assert.ok(attacker.captured.length > before);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  assert.equal(pair.hostEvents("session").length, 1);
  const fromPeers = sentTo(pair, victim).filter(({ from }) => from !== "server");
  assert.ok(fromPeers.length <= 3, `${fromPeers.length} datagrams`);
});

test("whoever gets a copy of the first Connect to the server before the client does holds it up for three seconds", () => {
  const { pair, attacker } = attacked();
  const start = pair.world.now;
  pair.connect();
  const [connect] = attacker.captured.filter(({ from, bytes }) => from === "client" && bytes.length === 1200);
  assert.ok(connect);
  attacker.replay(victim, connect);
  pair.world.runUntil(() => pair.clientEvents("connected").length > 0, start + 3000);
  pair.pass(1000);
  assert.deepEqual(pair.paths, ["direct", "direct"]);
  assert.equal(pair.hostEvents("session").length, 1);
});

for (const path of ["direct", "relayed"] as const) {
  test(`a flood of random bytes from all addresses there are leaves a ${path} session undisturbed`, () => {
    const { pair, attacker } = attacked();
    if (path === "relayed") pair.world.cut(pair.client, pair.host);
    const targets = Object.values(sourcesOf(pair));
    pair.world.after(0, () => flood(pair, attacker, (i) => attacker.random(targets[i % targets.length] ?? server)));
    pair.connected();
    pair.stream(1000, 10);
    pair.streamBack(1000, 10);
    pair.pass(12_000);
    undisturbed(pair, path);
  });

  test(`a flood of altered datagrams of its own leaves a ${path} session undisturbed`, () => {
    const { pair, attacker } = attacked();
    if (path === "relayed") pair.world.cut(pair.client, pair.host);
    flood(pair, attacker, () => {
      const { captured, prng } = attacker;
      return attacker.mutated(
        captured[prng.below(captured.length)] ?? { from: "", target: server, bytes: new Uint8Array(9) },
      );
    });
    pair.connected();
    pair.stream(1000, 10);
    pair.streamBack(1000, 10);
    pair.pass(12_000);
    undisturbed(pair, path);
  });
}

test("forged second messages do not ruin a handshake under way", () => {
  const { pair, attacker } = attacked();
  pair.world.watch({
    sent: ({ origin, target, bytes }) => {
      if (origin.name !== "host" || bytes[0] !== 0x0a) return;
      const copy = { from: "host", target, bytes: bytes.slice() };
      for (let i = 8; i < bytes.length; i += 7) {
        const forged = { ...copy, bytes: copy.bytes.slice() };
        forged.bytes[i] = (forged.bytes[i] ?? 0) ^ 1;
        attacker.replay(sourcesOf(pair)["host"] ?? victim, forged);
      }
    },
  });
  const start = pair.world.now;
  pair.connected();
  assert.equal(pair.world.now, start + 35 + 25 + 30);
});

test("a Register that was recorded before host and server restarted does not end the host's registration", () => {
  const { pair, attacker } = attacked();
  const recorded = [...attacker.captured];
  const sources = sourcesOf(pair);
  const { host } = sources;
  assert.ok(host);
  pair.host.stop();
  pair.startHost();
  pair.pass(1000);
  pair.server.stop();
  pair.startServer();
  pair.pass(30_000);
  for (const each of recorded.filter(({ from }) => from === "host")) attacker.replay(host, each);
  pair.pass(1000);
  assert.deepEqual(pair.hostEvents("ended"), []);
  pair.connected();
});

/** Everybody's server-seen address: of a full cone, behind which anyone reaches an end. */
function sourcesOf(pair: Pair): Record<string, Address> {
  const seen = (name: string): Address | undefined =>
    pair.world.log.find(({ from, to }) => from === name && to === "server")?.seenFrom;
  const sources: Record<string, Address> = { server };
  for (const name of ["client", "host"]) {
    const found = seen(name);
    if (found) sources[name] = found;
  }
  return sources;
}

/** A datagram each millisecond for ten seconds, from every address in turn, the victim's among them. */
function flood(pair: Pair, attacker: Attacker, next: (i: number) => ReturnType<Attacker["random"]>): void {
  for (let i = 0; i < 10_000; i++)
    pair.world.after(i, () => {
      const sources = [...Object.values(sourcesOf(pair)), withPort(server, 3478), victim];
      attacker.replay(sources[attacker.prng.below(sources.length)] ?? victim, next(i));
    });
}

function undisturbed(pair: Pair, path: "direct" | "relayed"): void {
  assert.deepEqual(pair.paths, [path, path]);
  for (const received of [pair.requests.filter(({ text }) => text !== "early"), pair.replies]) {
    assert.deepEqual(missing(received, 1000), []);
    assert.deepEqual(twice(received), []);
    assert.equal(received.length, 1000);
  }
  const changes = [...pair.clientEvents("path"), ...pair.hostEvents("path")];
  assert.ok(changes.length <= 4, `${changes.length} changes of path`);
  assert.deepEqual([...pair.clientEvents("closed"), ...pair.hostEvents("closed"), ...pair.hostEvents("ended")], []);
}

function attacked(): { pair: Pair; attacker: Attacker } {
  const pair = new Pair(between(fullCone, fullCone, { earlyData: true }));
  const attacker = new Attacker(pair);
  return { pair: pair.begin(), attacker };
}
