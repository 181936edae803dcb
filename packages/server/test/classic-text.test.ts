/** The first generation: a line of text each from client and VM. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "@fractal-punch/server/core";
import { answers, ask, post, strangers, text } from "./old-requests.ts";
import { at, TestServer } from "./test-server.ts";

const vm = at("34.200.170.47:40000");
const client = at("198.51.100.7:5000");
const second = at("198.51.100.8:5001");

test("a client that comes first gets the VM's endpoint when that comes, and then the VM gets the client's", () => {
  const server = new TestServer();
  assert.deepEqual(server.receive(client, text("34.200.170.47C")), []);
  const sent = server.receive(vm, text("10.0.0.5V"));
  assert.deepEqual(answers(sent), [
    "198.51.100.7:5000: 34.200.170.47 40000 0",
    "34.200.170.47:40000: 198.51.100.7 5000 0",
  ]);
  assert.deepEqual([...(sent[0]?.bytes ?? [])], [34, 200, 170, 47, 0x9c, 0x40, 0, 0]);
  assert.equal(server.server.sizes.classic, 0);
});

test("a VM that comes first is kept, and the client is told first all the same", () => {
  const server = new TestServer();
  assert.deepEqual(server.receive(vm, text("V")), []);
  assert.deepEqual(answers(server.receive(client, text("34.200.170.47C"))), [
    "198.51.100.7:5000: 34.200.170.47 40000 0",
    "34.200.170.47:40000: 198.51.100.7 5000 0",
  ]);
});

test("after a match the pair is forgotten: the next client waits for the VM's next request", () => {
  const server = new TestServer();
  server.receive(vm, text("V"));
  server.receive(client, text("34.200.170.47C"));
  assert.deepEqual(server.receive(second, text("34.200.170.47C")), []);
  assert.deepEqual(answers(server.receive(vm, text("V"))), [
    "198.51.100.8:5001: 34.200.170.47 40000 0",
    "34.200.170.47:40000: 198.51.100.8 5001 0",
  ]);
});

test("clients that wait for one VM are served in the order of arrival; a repeat neither moves one nor doubles it", () => {
  const server = new TestServer();
  server.receive(client, text("34.200.170.47C"));
  server.receive(second, text("34.200.170.47C"));
  server.receive(client, text("34.200.170.47C"));
  assert.equal(server.server.sizes.classic, 2);
  const told = [1, 2, 3].map(() => answers(server.receive(vm, text("V")))[1]);
  assert.deepEqual(told, [
    "34.200.170.47:40000: 198.51.100.7 5000 0",
    "34.200.170.47:40000: 198.51.100.8 5001 0",
    undefined,
  ]);
});

test("of the VMs at one address the one that asked last is given; another address is another VM", () => {
  const server = new TestServer();
  server.receive(vm, text("V"));
  server.receive(at("34.200.170.47:40001"), text("V"));
  server.receive(at("34.200.170.48:40002"), text("34.200.170.47V"));
  const endpoints = [1, 2, 3].map(() => answers(server.receive(client, text("34.200.170.47C")))[0]);
  assert.deepEqual(endpoints, [
    "198.51.100.7:5000: 34.200.170.47 40001 0",
    "198.51.100.7:5000: 34.200.170.47 40000 0",
    undefined,
  ]);
});

test("a client waits classicLifeMs from its last repeat, a VM classicVmLifeMs, and not a moment longer", () => {
  const { classicLifeMs, classicVmLifeMs } = defaultLimits;
  const server = new TestServer();
  server.receive(client, text("34.200.170.47C"));
  server.pass(classicLifeMs - 1);
  server.receive(client, text("34.200.170.47C"));
  server.pass(classicLifeMs - 1);
  assert.equal(server.server.sizes.classic, 1);
  server.pass(1);
  assert.equal(server.server.sizes.classic, 0);
  assert.deepEqual(server.receive(vm, text("V")), []);
  server.pass(classicVmLifeMs - 1);
  assert.equal(server.server.sizes.classic, 1);
  server.pass(1);
  assert.equal(server.server.sizes.classic, 0);
  assert.equal(server.server.counters.classic.of("expired"), 2);
  assert.equal(server.server.nextWake(), Infinity);
});

test("an address has at most classicEntriesPerAddress waiting VMs, and as many clients; the oldest makes room", () => {
  const { classicEntriesPerAddress: most } = defaultLimits;
  const server = new TestServer();
  for (let i = 0; i <= most; i++) server.receive(at(`34.200.170.47:${40_000 + i}`), text("V"));
  assert.equal(server.server.sizes.classic, most);
  for (let i = 0; i <= most; i++) server.receive(client, text(`20.0.0.${i}C`));
  assert.equal(server.server.sizes.classic, 2 * most);
  assert.equal(server.server.counters.classic.of("made-room"), 2);
  assert.deepEqual(server.receive(at("20.0.0.0:1"), text("V")), [], "the oldest client went");
  assert.equal(answers(server.receive(at("20.0.0.1:1"), text("V"))).length, 2);
});

test("at most classicQueue clients wait for one VM; a further one is counted and turned away", () => {
  const { classicQueue } = defaultLimits;
  const server = new TestServer();
  for (const from of strangers(classicQueue + 1)) server.receive(from, text("34.200.170.47C"));
  assert.equal(server.server.sizes.classic, classicQueue);
  assert.equal(server.server.counters.classic.of("queue-full"), 1);
});

test("of those, classicQueuePerAddress are of one address, whose oldest makes room: nobody fills a queue alone", () => {
  const { classicQueuePerAddress: most } = defaultLimits;
  const server = new TestServer();
  server.receive(second, text("34.200.170.47C"));
  for (let i = 0; i < 50; i++) server.receive(at(`198.51.100.7:${5000 + i}`), text("34.200.170.47C"));
  assert.equal(server.server.sizes.classic, 1 + most);
  const told = Array.from({ length: 2 + most }, () => answers(server.receive(vm, text("V")))[1]?.split(": ")[1]);
  assert.deepEqual(told, [
    "198.51.100.8 5001 0",
    ...Array.from({ length: most }, (_, i) => `198.51.100.7 ${5050 - most + i} 0`),
    undefined,
  ]);
});

test("the longest text there is, 16 bytes, is understood", () => {
  const server = new TestServer();
  const longest = at("123.123.123.123:40000");
  server.receive(client, text("123.123.123.123C"));
  assert.equal(server.receive(longest, text("123.123.123.123V")).length, 2);
});

test("answers leave from the address of the server that each side asked", () => {
  const server = new TestServer();
  const [first, other] = [at("192.0.2.1:48800"), at("192.0.2.2:48800")];
  server.receive(client, text("34.200.170.47C"), 0, { local: first });
  const locals = server.receive(vm, text("V"), 0, { local: other }).map(({ options }) => options?.local);
  assert.deepEqual(locals, [first, other]);
  server.receive(vm, post(7), 0, { local: other });
  const asked = server.receive(client, ask("34.200.170.47", 7), 0, { local: first });
  assert.deepEqual(
    asked.map(({ options }) => options?.local),
    [other, first],
  );
});

test("a full table (classicEntries) turns newcomers away, until those in it have been silent for a client's life", () => {
  const classicEntries = 100;
  const server = new TestServer({ limits: { classicEntries } });
  const flood = strangers(classicEntries);
  for (const from of flood) server.receive(from, text("V"));
  server.receive(vm, text("V"));
  assert.equal(server.server.counters.classic.of("table-full"), 1);
  server.pass(defaultLimits.classicLifeMs - 1);
  server.receive(vm, text("V"));
  assert.equal(server.server.counters.classic.of("table-full"), 2);
  server.pass(1);
  server.receive(vm, text("V"));
  assert.equal(server.server.sizes.classic, classicEntries);
  assert.equal(server.receive(client, text("34.200.170.47C")).length, 2);
  for (const [i, from] of flood.entries()) server.receive(from, text(`20.0.0.${i}C`));
  server.receive(client, text("20.0.0.1C"));
  assert.equal(server.server.sizes.classic, 2 * classicEntries - 1, "clients have a table of their own, as large");
  assert.equal(server.server.counters.classic.of("table-full"), 3);
});

test("each match is told once, with both endpoints", () => {
  const server = new TestServer();
  server.receive(client, text("34.200.170.47C"));
  server.receive(vm, text("V"));
  assert.deepEqual(server.takeEvents("classic-matched"), [
    { type: "classic-matched", generation: 1, transport: "udp", client, cloudComputer: vm },
  ]);
});
