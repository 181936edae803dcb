import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import type { Connection, MessageInfo } from "@fractal-punch/peer";
import { endOf, inTime, Loopback, sessionOf, textOf } from "./loopback.ts";

test("early data that the host takes comes with the session, marked as such, and once", async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable({ earlyData: true });
  const session = sessionOf(listener);
  const client = await loopback.connect(listener.invite, { earlyData: "hello" });
  const host = await session;
  assert.equal(client.earlyDataTaken, true);
  assert.deepEqual(await first(host), { text: "hello", early: true, path: "relayed" });
  const [received] = await Promise.all([everything(host), client.close()]);
  assert.deepEqual(received, [], "it does not come again");
});

test("a host may answer early data before the client is connected", async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable({ earlyData: true });
  listener.on("session", (session) => session.on("message", (data) => session.send(`re: ${textOf(data)}`)));
  const client = await loopback.connect(listener.invite, { earlyData: "hello" });
  assert.equal((await first(client)).text, "re: hello");
});

test("early data that the host does not take is sent again as data", async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable();
  const session = sessionOf(listener);
  const client = await loopback.connect(listener.invite, { earlyData: "hello" });
  assert.equal(client.earlyDataTaken, false);
  const { text, early } = await first(await session);
  assert.deepEqual({ text, early }, { text: "hello", early: false });
});

for (const [lengthBytes, early] of [
  [600, true],
  [601, false],
  [1195, false],
] as const) {
  test(`early data of ${lengthBytes} bytes travels ${early ? "inside the first message" : "as data"}`, async (t) => {
    const loopback = await Loopback.start(t);
    const listener = await loopback.reachable({ earlyData: true });
    const session = sessionOf(listener);
    const client = await loopback.connect(listener.invite, { earlyData: new Uint8Array(lengthBytes).fill(0x61) });
    const message = await first(await session);
    assert.equal(message.text, "a".repeat(lengthBytes));
    assert.equal(message.early, early);
    assert.equal(client.earlyDataTaken, early);
  });
}

test("without early data there is none, whether the host takes it or not", async (t) => {
  const loopback = await Loopback.start(t);
  const { client, host } = await loopback.pair(await loopback.reachable({ earlyData: true }));
  assert.equal(client.earlyDataTaken, false);
  client.send("later");
  const { text, early } = await first(host);
  assert.deepEqual({ text, early }, { text: "later", early: false });
});

async function first(connection: Connection): Promise<{ text: string } & MessageInfo> {
  return new Promise((resolve, reject) => {
    connection.once("message", (data, info) => resolve({ text: textOf(data), ...info }));
    once(connection, "close", inTime()).then(() => reject(new Error("closed")), reject);
  });
}

/** What comes until the session ends. */
async function everything(connection: Connection): Promise<string[]> {
  const received: string[] = [];
  connection.on("message", (data) => received.push(textOf(data)));
  await endOf(connection);
  return received;
}
