import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "@fractal-punch/peer";
import { abilities, chooseDatagramDriver } from "@fractal-punch/udp";
import { directOf, Loopback, messageOf, textOf } from "./loopback.ts";

const count = 40;
const largeBytes = 1195;

test("a datagram that a listener was given is its own, whatever comes after it", async (t) => {
  const { client, host } = await directPair(await Loopback.start(t));
  const kept: Uint8Array[] = [];
  host.on("message", (data) => kept.push(data));
  for (let i = 0; i < count; i++) client.send(filled(i));
  while (kept.length < count) await messageOf(host);
  const lengths = new Set(kept.map(({ buffer }) => buffer.byteLength));
  assert.deepEqual([...lengths], [largeBytes], "nothing else is in its buffer");
  for (const data of kept) assert.deepEqual(data, filled(data[0] ?? -1));
  assert.equal(new Set(kept.map(([first]) => first)).size, count);
});

test("datagrams are lent instead, those that came before at once, and each is whole during the call", async (t) => {
  const { client, host } = await directPair(await Loopback.start(t));
  client.send("before");
  while (host.counts.receivedDatagrams < 1) await new Promise((resolve) => setImmediate(resolve));
  const taken: string[] = [];
  let whole = 0;
  host.on("message", () => assert.fail("it was lent"));
  host.lendTo((data, { path, early }) => {
    assert.deepEqual([path, early], ["direct", false]);
    taken.push(data.length < 100 ? textOf(data) : "large");
    if (data.length === largeBytes) whole += data.every((byte) => byte === data[0]) ? 1 : 0;
    host.send(data);
  });
  assert.deepEqual(taken, ["before"]);
  const echoes: Uint8Array[] = [];
  client.on("message", (data) => echoes.push(data));
  for (let i = 0; i < count; i++) client.send(filled(i));
  while (echoes.length < count + 1) await messageOf(client);
  assert.equal(whole, count);
  assert.deepEqual(
    echoes.slice(1).map((data) => data.every((byte) => byte === data[0])),
    Array<boolean>(count).fill(true),
  );
});

test("bytes may be changed as soon as `send` returns, inside a listener too", async (t) => {
  const { client, host } = await directPair(await Loopback.start(t));
  const bytes = new Uint8Array(1);
  host.on("message", () => {
    for (const value of [1, 2, 3]) {
      bytes[0] = value;
      host.send(bytes);
    }
  });
  const answers: (number | undefined)[] = [];
  client.on("message", ([value]) => answers.push(value));
  client.send("three, please");
  while (answers.length < 3) await messageOf(client);
  assert.deepEqual(new Set(answers), new Set([1, 2, 3]));
});

test("over a direct path that takes more, larger datagrams are sent in one piece, where the driver can find that out", async (t) => {
  const { client, host } = await directPair(await Loopback.start(t));
  const limit = abilities[chooseDatagramDriver().kind].dontFragment ? 1439 : 1195;
  while (client.maxDatagramBytes < limit) {
    client.send("at work");
    await messageOf(host);
  }
  const message = messageOf(host);
  client.send("x".repeat(limit));
  assert.equal(await message, "x".repeat(limit));
  assert.throws(() => client.send("x".repeat(limit + 1)), { code: "TOO_LARGE" });
});

async function directPair(loopback: Loopback): Promise<{ client: Connection; host: Connection }> {
  const pair = await loopback.pair(await loopback.reachable());
  await Promise.all([directOf(pair.client), directOf(pair.host)]);
  return pair;
}

/** As large as every path takes, and of one byte. */
function filled(byte: number): Uint8Array {
  return new Uint8Array(largeBytes).fill(byte);
}
