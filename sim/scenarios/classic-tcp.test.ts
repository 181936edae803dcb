import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText, ipText, withPort } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { type DialledStream, portRestrictedCone, type RouterBehaviour } from "@fractal-punch/sim";
import { ClassicScene, nothingLeft, receivedBy } from "./classic-scene.ts";
import { answerText, ask, post } from "./old-requests.ts";
import { cones, delays } from "./places.ts";

const { classicLifeMs, streamRequestMs, streamsPerAddress } = defaultLimits;
const publicPort = 32_262;

for (const [clientName, client] of Object.entries(cones))
  for (const [cloudName, cloud] of Object.entries(cones))
    test(`old programs behind ${clientName} and ${cloudName} connect to each other from the ports that the server saw`, () => {
      untilMet({ client, cloud });
    });

test("where 10 % of all segments is lost and 10 % comes twice they connect to each other as well, within 2 minutes", () => {
  for (let seed = 1; seed <= 50; seed++)
    untilMet({
      client: portRestrictedCone,
      cloud: portRestrictedCone,
      seed,
      line: { lossRate: 0.1, duplicateRate: 0.1 },
    });
});

test("a post's connection stays open for 30 s, and is closed by the server then", () => {
  const scene = new ClassicScene();
  const cloud = scene.bare("cloud", { delayMs: 10 });
  const stream = cloud.dial(scene.server);
  stream.write(post(publicPort));
  const postedAtMs = scene.world.runUntil(() => scene.waiting === 1, 1000);
  scene.world.run(postedAtMs + classicLifeMs - 1);
  assert.deepEqual([scene.waiting, stream.end], [1, undefined]);
  scene.world.run(postedAtMs + classicLifeMs + 10);
  assert.deepEqual(stream.events.at(-1), {
    atMs: postedAtMs + classicLifeMs + 10,
    event: { type: "ended", why: "closed" },
  });
  assert.deepEqual([stream.bytes.length, scene.waiting], [0, 0]);
  stream.close();
  scene.world.run(scene.world.now + 10_000);
  assert.deepEqual(scene.leftovers, nothingLeft);
});

test("a post's connection gets one client's address and is closed; the next ASK is told that nobody is there", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const scene = new ClassicScene({ seed });
    const { place, address } = scene.behind("cloud", portRestrictedCone, { delayMs: 10 });
    const waiting = scene.bare("cloud", place).dial(scene.server, 7000);
    waiting.write(post(publicPort));
    scene.world.runUntil(() => scene.waiting === 1, 1000);
    const client = scene.bare("client", { address: "203.0.113.1", delayMs: 20 });
    const [first, second] = [client.dial(scene.server, 8000), client.dial(scene.server, 8001)];
    first.write(ask(address, publicPort));
    scene.world.runUntil(() => first.end !== undefined, 2000);
    second.write(ask(address, publicPort));
    scene.world.runUntil(() => second.end !== undefined, 4000);
    assert.equal(answerText(waiting.bytes), "203.0.113.1 8000 0");
    assert.equal(answerText(first.bytes), `${ipText(address)} 7000 ${publicPort}`);
    assert.equal(answerText(second.bytes), `${ipText(address)} 0 ${publicPort}`);
    for (const stream of [waiting, first, second]) {
      assert.equal(stream.end, "closed");
      stream.close();
    }
    scene.world.run(scene.world.now + 10_000);
    assert.deepEqual(scene.leftovers, nothingLeft);
  }
});

test("posts by UDP are not for those who ask by TCP, nor the reverse", () => {
  const scene = new ClassicScene();
  const cloud = scene.bare("cloud", { address: "198.51.100.1" });
  const client = scene.bare("client", {});
  const address = withPort(scene.server, 0);
  scene.send(cloud, post(1));
  cloud.dial(scene.server).write(post(2));
  scene.world.run(1000);
  const stream = client.dial(scene.server);
  stream.write(ask(cloud.addresses[0] ?? address, 1));
  scene.world.run(2000);
  scene.send(client, ask(cloud.addresses[0] ?? address, 2));
  assert.deepEqual([stream.bytes, ...receivedBy(client)].map(answerText), ["198.51.100.1 0 1", "198.51.100.1 0 2"]);
});

test("a cloud computer that closes its connection, or half of it, is forgotten at once", () => {
  for (const close of ["close", "closeHalf", "reset"] as const) {
    const scene = new ClassicScene();
    const stream = scene.bare("cloud", { delayMs: 10 }).dial(scene.server);
    stream.write(post(publicPort));
    scene.world.runUntil(() => scene.waiting === 1, 1000);
    stream[close]();
    scene.world.run(scene.world.now + 20);
    assert.equal(scene.waiting, 0, close);
    stream.close();
    scene.world.run(scene.world.now + 10_000);
    assert.deepEqual(scene.leftovers, nothingLeft, close);
  }
});

test("a cloud computer whose own wait ends first posts again, and is found on its new connection", () => {
  const scene = new ClassicScene({ server: delays.server });
  const { place, address } = scene.behind("cloud", portRestrictedCone, delays.host);
  const cloud = scene.tcpProgram("cloud", place, { port: 7000, request: post(publicPort), waitMs: 20_000 });
  scene.world.run(50_000);
  assert.equal(cloud.requests.length, 3);
  assert.equal(scene.waiting, 1);
  const clientPlace = scene.behind("client", portRestrictedCone, delays.client).place;
  const client = scene.tcpProgram("client", clientPlace, { port: 8000, request: ask(address, publicPort) });
  scene.world.runUntil(() => cloud.met !== undefined && client.met !== undefined, 55_000);
  assert.equal(client.met, addressText(withPort(address, 7002)));
});

test("a connection on which no whole request comes within 10 s of its opening is closed then", () => {
  const whole = post(publicPort);
  for (const [said, word] of [
    [[], "silent"],
    [[whole.subarray(0, 1)], "unfinished"],
    [[whole.subarray(0, 1), whole.subarray(1, 11)], "unfinished"],
  ] as const) {
    const scene = new ClassicScene();
    const stream = scene.bare("stranger", { delayMs: 10 }).dial(scene.server);
    scene.world.runUntil(() => scene.pair.serverSizes?.streams === 1, 1000);
    const openedAtMs = scene.world.now;
    for (const bytes of said) {
      stream.write(bytes);
      scene.world.run(scene.world.now + 4000);
    }
    scene.world.run(openedAtMs + streamRequestMs - 1);
    assert.deepEqual([stream.end, scene.pair.serverSizes?.streams], [undefined, 1]);
    expectEnded(scene, stream, openedAtMs + streamRequestMs, word);
  }
  assert.equal(streamRequestMs, 10_000);
});

test("a connection that closes, or closes half, before its request is whole is gone with that", () => {
  for (const [said, word] of [
    [0, "silent"],
    [1, "cut"],
  ] as const) {
    const scene = new ClassicScene();
    const stream = scene.bare("stranger", { delayMs: 10 }).dial(scene.server);
    stream.write(post(publicPort).subarray(0, said));
    stream.closeHalf();
    expectEnded(scene, stream, 1000, word);
  }
});

test("a request whose sender closes half behind it is answered", () => {
  const scene = new ClassicScene();
  const stream = scene.bare("client", { delayMs: 10 }).dial(scene.server);
  stream.write(ask(scene.server, publicPort));
  stream.closeHalf();
  scene.world.run(1000);
  assert.equal(answerText(stream.bytes), `192.0.2.1 0 ${publicPort}`);
});

test("a connection that begins with something else is closed at its fourth byte, and that is counted", () => {
  const scene = new ClassicScene();
  const stream = scene.bare("stranger", { delayMs: 10 }).dial(scene.server);
  stream.write(Uint8Array.of(0x47, 0x45, 0x54, 0x20, 0x2f));
  expectEnded(scene, stream, 1000, "not-ours");
});

test("the empty datagram that a client sends first is counted, and does nothing", () => {
  const scene = new ClassicScene();
  const client = scene.bare("client", {});
  scene.send(client, new Uint8Array(0));
  assert.equal(scene.pair.serverCounters?.classic.of("empty"), 1);
  assert.deepEqual([receivedBy(client), scene.leftovers], [[], nothingLeft]);
});

test("one address has its share of connections; others still get theirs", () => {
  const scene = new ClassicScene();
  const flooder = scene.bare("flooder", { address: "203.0.113.66" });
  const streams = Array.from({ length: 200 }, () => flooder.dial(scene.server));
  scene.world.run(1000);
  assert.equal(scene.pair.serverSizes?.streams, streamsPerAddress);
  assert.equal(streams.filter(({ end }) => end === "closed").length, 200 - streamsPerAddress);
  const client = scene.bare("client", {}).dial(scene.server);
  client.write(ask(scene.server, publicPort));
  scene.world.run(2000);
  assert.equal(client.bytes.length, 8);
  scene.world.run(30_000);
  assert.deepEqual(scene.leftovers, nothingLeft);
});

test("a server that does not serve the classic protocols refuses connections", () => {
  const scene = new ClassicScene({ server: { classic: false } });
  const stream = scene.bare("cloud", { delayMs: 10 }).dial(scene.server);
  scene.world.run(1000);
  assert.deepEqual(stream.events, [{ atMs: 20, event: { type: "ended", why: "refused" } }]);
});

interface MeetingOptions {
  readonly client: RouterBehaviour;
  readonly cloud: RouterBehaviour;
  readonly seed?: number;
  readonly line?: { readonly lossRate: number; readonly duplicateRate: number };
}

/** A cloud computer posts, a client asks half a second later; then both get the other's line, straight from its router. */
function untilMet({ seed = 1, line, ...routers }: MeetingOptions): void {
  const scene = new ClassicScene({ seed, server: delays.server });
  const { world } = scene;
  const cloud = scene.behind("cloud", routers.cloud, { ...delays.host, ...line });
  const client = scene.behind("client", routers.client, { ...delays.client, ...line });
  const poster = scene.tcpProgram("cloud", cloud.place, { port: 7000, request: post(publicPort) });
  world.run(500);
  const asker = scene.tcpProgram("client", client.place, { port: 8000, request: ask(cloud.address, publicPort) });
  world.runUntil(() => poster.met !== undefined && asker.met !== undefined, 120_000);
  const addresses = [client.address, cloud.address].map((address) => ipText(address));
  assert.deepEqual(
    [poster.met, asker.met].map((met) => met?.split(":")[0]),
    addresses,
  );
  world.run(world.now + 60_000);
  assert.deepEqual(scene.leftovers, nothingLeft);
}

/** The server has closed the connection by then, has counted it under that word, and has nothing left of it. */
function expectEnded(
  scene: ClassicScene,
  stream: DialledStream,
  atMs: number,
  word: "silent" | "unfinished" | "cut" | "not-ours",
): void {
  scene.world.run(atMs);
  assert.equal(scene.pair.serverSizes?.streams, 0);
  assert.equal(scene.pair.serverCounters?.streams.of(word), 1);
  scene.world.run(atMs + 1000);
  assert.equal(stream.end, "closed");
  assert.equal(stream.bytes.length, 0);
  stream.close();
  scene.world.run(atMs + 10_000);
  assert.deepEqual(scene.leftovers, nothingLeft);
}
