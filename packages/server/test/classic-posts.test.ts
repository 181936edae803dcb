/** The second generation over UDP: POST and ASK of 12 bytes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "@fractal-punch/server/core";
import { answers, ask, post, strangers } from "./old-requests.ts";
import { at, TestServer } from "./test-server.ts";

const cloud = at("203.0.113.5:51000");
const client = at("198.51.100.7:5000");

test("a POST is not answered; an ASK tells the cloud computer of the client, and then the client of the cloud computer", () => {
  const server = new TestServer();
  assert.deepEqual(server.receive(cloud, post(32_262)), []);
  const sent = server.receive(client, ask("203.0.113.5", 32_262));
  assert.deepEqual(answers(sent), [
    "203.0.113.5:51000: 198.51.100.7 5000 0",
    "198.51.100.7:5000: 203.0.113.5 51000 32262",
  ]);
  assert.deepEqual([...(sent[0]?.bytes ?? [])], [198, 51, 100, 7, 0x13, 0x88, 0, 0]);
  assert.deepEqual([...(sent[1]?.bytes ?? [])], [203, 0, 113, 5, 0xc7, 0x38, 0x7e, 0x06]);
});

test("an ASK for what is not there is answered with private port 0, and nobody else hears of it", () => {
  const server = new TestServer();
  server.receive(cloud, post(32_262));
  for (const question of [ask("203.0.113.5", 32_263), ask("203.0.113.6", 32_262), ask("0.0.0.0", 32_262)]) {
    const [answer, ...more] = answers(server.receive(client, question));
    assert.match(answer ?? "", /^198\.51\.100\.7:5000: \S+ 0 3226[23]$/);
    assert.deepEqual(more, []);
  }
  assert.equal(server.server.counters.classic.of("udp-missing"), 3);
});

test("what counts is where a POST comes from, not the address and the private port in it", () => {
  const server = new TestServer();
  server.receive(cloud, post(32_262, "9.9.9.9"));
  assert.equal(server.receive(client, ask("9.9.9.9", 32_262)).length, 1);
  assert.equal(server.receive(client, ask("203.0.113.5", 32_262)).length, 2);
});

test("an entry serves any number of ASKs, and is gone classicLifeMs after its last POST", () => {
  const { classicLifeMs } = defaultLimits;
  const server = new TestServer();
  server.receive(cloud, post(32_262));
  server.pass(classicLifeMs - 1);
  server.receive(cloud, post(32_262));
  server.pass(classicLifeMs - 1);
  assert.equal(server.receive(client, ask("203.0.113.5", 32_262)).length, 2);
  assert.equal(server.receive(client, ask("203.0.113.5", 32_262)).length, 2);
  server.pass(1);
  assert.equal(server.receive(client, ask("203.0.113.5", 32_262)).length, 1);
  assert.equal(server.server.sizes.classic, 0);
  assert.equal(server.server.counters.classic.of("expired"), 1);
  assert.equal(server.server.nextWake(), Infinity);
});

test("a cloud computer whose NAT gave it another port is found at that one from its next POST on", () => {
  const server = new TestServer();
  server.receive(cloud, post(32_262));
  server.receive(at("203.0.113.5:51001"), post(32_262));
  assert.match(answers(server.receive(client, ask("203.0.113.5", 32_262)))[1] ?? "", / 51001 32262$/);
  server.receive(cloud, post(32_262));
  assert.match(answers(server.receive(client, ask("203.0.113.5", 32_262)))[1] ?? "", / 51000 32262$/);
});

test("several services of one address are known apart, at most classicEntriesPerAddress; the oldest makes room", () => {
  const { classicEntriesPerAddress: most } = defaultLimits;
  const server = new TestServer();
  for (let i = 0; i < most; i++) server.receive(at(`203.0.113.5:${51_000 + i}`), post(1000 + i));
  server.receive(cloud, post(1000));
  server.receive(at("203.0.113.5:52000"), post(2000));
  assert.equal(server.server.sizes.classic, most);
  const isFound = (port: number): boolean => server.receive(client, ask("203.0.113.5", port)).length === 2;
  assert.deepEqual([1000, 1001, 1002, 2000].map(isFound), [true, false, true, true]);
  assert.equal(server.server.counters.classic.of("made-room"), 1);
});

test("a full table (classicEntries) turns new cloud computers away, and those in it stay known by their repeats", () => {
  const classicEntries = 100;
  const server = new TestServer({ limits: { classicEntries } });
  server.receive(cloud, post(32_262));
  for (let round = 0; round < 5; round++) {
    for (const from of strangers(500)) server.receive(from, post(7));
    server.pass(defaultLimits.classicLifeMs / 2);
    server.receive(cloud, post(32_262));
    assert(server.server.sizes.classic <= classicEntries);
    assert.equal(server.receive(client, ask("203.0.113.5", 32_262)).length, 2);
  }
  assert(server.server.counters.classic.of("table-full") > 1000);
});

test("classicRate holds a prefix, and no other", () => {
  const server = new TestServer();
  const { burst } = defaultLimits.classicRate;
  for (let i = 0; i < burst; i++) server.receive(at(`198.51.100.${i % 250}:7`), ask("203.0.113.5", 9));
  assert.deepEqual(server.receive(client, ask("203.0.113.5", 9)), []);
  assert.equal(server.server.counters.classic.of("prefix-rate"), 1);
  assert.equal(server.receive(at("198.51.101.7:5000"), ask("203.0.113.5", 9)).length, 1);
});

test("classicNoticeRate bounds what the cloud computers of a network get; of what is beyond, one in eight is told", () => {
  const server = new TestServer();
  const { burst } = defaultLimits.classicNoticeRate;
  for (let i = 0; i < 4; i++) server.receive(at(`203.0.113.5:${51_000 + i}`), post(32_262 + i));
  const clients = strangers(burst + 80);
  const sent = clients.map((from, i) => server.receive(from, ask("203.0.113.5", 32_262 + (i % 4))).length);
  assert.equal(sent.filter((count) => count === 2).length, burst + 10);
  assert.equal(sent.filter((count) => count === 0).length, 70, "who would not be expected is not told either");
  assert.equal(server.server.counters.classic.of("notice-rate"), 70);
});

test("classicAskRate: one network that asks without end does not keep others from a cloud computer", () => {
  const server = new TestServer();
  server.receive(cloud, post(32_262));
  for (let ms = 0; ms < 10_000; ms += 10) {
    server.receive(at("198.51.100.66:6000"), ask("203.0.113.5", 32_262));
    server.pass(10);
    if (ms % 500 !== 0) continue;
    assert.equal(server.receive(at(`192.0.2.7:${5000 + ms}`), ask("203.0.113.5", 32_262)).length, 2, `at ${ms} ms`);
  }
  const { burst, perSecond } = defaultLimits.classicAskRate;
  const taken = 1000 - server.server.counters.classic.of("notice-rate");
  assert(taken >= burst && taken <= burst + 10 * perSecond + 1, `${taken}`);
});

test("one socket may post several services, and each is found", () => {
  const server = new TestServer();
  server.receive(cloud, post(1));
  server.receive(cloud, post(2));
  assert.equal(server.server.sizes.classic, 2);
  for (const port of [1, 2]) assert.equal(server.receive(client, ask("203.0.113.5", port)).length, 2);
});

test("an entry whose time is over is not given out, even if nobody was woken for that yet", () => {
  const server = new TestServer();
  server.receive(cloud, post(32_262));
  server.now += defaultLimits.classicLifeMs;
  assert.equal(server.receive(client, ask("203.0.113.5", 32_262)).length, 1);
});

test("a match is told once for each client, however often it repeats", () => {
  const server = new TestServer();
  server.receive(cloud, post(32_262));
  for (let i = 0; i < 5; i++) server.receive(client, ask("203.0.113.5", 32_262));
  assert.deepEqual(server.takeEvents("classic-matched"), [
    { type: "classic-matched", generation: 2, transport: "udp", client, cloudComputer: cloud },
  ]);
  assert.equal(server.server.counters.classic.of("udp-match"), 5);
});

test("beyond classicLogRate for a network's clients, and classicTotalLogRate for all, matches are only counted", () => {
  const server = new TestServer({
    limits: { classicLogRate: { perSecond: 1, burst: 2 }, classicTotalLogRate: { perSecond: 1, burst: 5 } },
  });
  server.receive(cloud, post(32_262));
  for (let port = 5000; port < 5010; port++) server.receive(at(`198.51.100.7:${port}`), ask("203.0.113.5", 32_262));
  assert.equal(server.takeEvents("classic-matched").length, 2);
  for (const from of strangers(10)) server.receive(from, ask("203.0.113.5", 32_262));
  assert.equal(server.takeEvents("classic-matched").length, 3);
  assert.equal(server.server.counters.classic.of("unlogged"), 15);
});
