import assert from "node:assert/strict";
import { test } from "node:test";
import { type Connection, connect, listen, PunchError } from "@fractal-punch/peer";
import { directOf, endOf, Loopback, messageOf, textOf, turn } from "./loopback.ts";

test("a host answers what a client sends, in ten lines", async (t) => {
  const loopback = await Loopback.start(t);

  const listener = await listen({ server: loopback.address, ticket: loopback.ticket(), folder: loopback.newFolder() });
  t.after(() => listener.close());
  listener.on("session", (session) => {
    session.on("message", (data) => session.send(`you said ${textOf(data)}`));
  });
  await new Promise((resolve) => {
    listener.once("registered", resolve);
  });

  const connection = await connect(listener.invite, { folder: loopback.newFolder() });
  connection.send("hello");
  for await (const data of connection.messages) {
    assert.equal(textOf(data), "you said hello");
    await connection.close();
  }
});

test("a session is relayed first and then direct, and both ends say so", async (t) => {
  const loopback = await Loopback.start(t);
  const { client, host } = await loopback.pair(await loopback.reachable());
  assert.equal(client.path.kind, "relayed");
  assert.equal(client.path.remote, loopback.address);
  const kinds: string[] = [];
  client.on("path", ({ kind }) => kinds.push(kind));
  await Promise.all([directOf(client), directOf(host)]);
  assert.equal(kinds.at(-1), "direct");
  const [ofClient, ofHost] = [client.path, host.path];
  assert.equal(portOf(ofClient.remote), portOf(ofHost.local));
  assert.equal(portOf(ofHost.remote), portOf(ofClient.local));
  assert(ofClient.rttMs !== undefined && ofClient.rttMs >= 0 && ofClient.rttMs < 5000);
});

test("the verdict says why, what was tried, and what it means", async (t) => {
  const loopback = await Loopback.start(t);
  const { client } = await loopback.pair(await loopback.reachable());
  assert.equal(client.verdict.reason, "trying");
  assert.equal(client.verdict.path, "relayed");
  await directOf(client);
  const { path, reason, advice, tried } = client.verdict;
  assert.deepEqual([path, reason], ["direct", "direct"]);
  assert.match(advice, /directly/);
  const inUse = tried.filter(({ result }) => result === "in-use");
  assert.deepEqual(
    inUse.map(({ address }) => address),
    [client.path.remote],
  );
  assert(tried.some(({ kind, address }) => kind === "relayed" && address === loopback.address));
});

test("datagrams arrive whole and once, over either path, with the path that they came by", async (t) => {
  const loopback = await Loopback.start(t);
  const { client, host } = await loopback.pair(await loopback.reachable());
  const received: string[] = [];
  const paths = new Set<string>();
  host.on("message", (data, info) => {
    received.push(textOf(data));
    paths.add(info.path);
    assert.equal(info.early, false);
  });
  const sent = Array.from({ length: 100 }, (_, index) => `datagram ${index}`);
  for (const text of sent.slice(0, 50)) client.send(text);
  await directOf(client);
  for (const text of sent.slice(50)) client.send(text);
  client.send("last");
  while (!received.includes("last")) await messageOf(host);
  assert.deepEqual(received.toSorted(), [...sent, "last"].toSorted());
  assert(paths.has("direct"));
  assert.deepEqual(
    [client.counts.sentDatagrams, host.counts.receivedDatagrams, host.counts.sentDatagrams],
    [101, 101, 0],
  );
  assert.equal(client.counts.sentBytes, host.counts.receivedBytes);
});

test("datagrams that came before anybody listened go to the first listener, in order", async (t) => {
  const loopback = await Loopback.start(t);
  const { client, host } = await loopback.pair(await loopback.reachable());
  await directOf(client);
  client.send("one");
  client.send("two");
  await arrived(host, 2);
  const first: string[] = [];
  const second: string[] = [];
  host.on("message", (data) => first.push(textOf(data)));
  host.on("message", (data) => second.push(textOf(data)));
  client.send("three");
  while (first.length < 3) await messageOf(host);
  assert.deepEqual(first, ["one", "two", "three"]);
  assert.deepEqual(second, ["one", "two", "three"], "a second listener of the same moment hears them too");
});

test("datagrams that came before `messages` was read are in it, and it ends with the session", async (t) => {
  const loopback = await Loopback.start(t);
  const { client, host } = await loopback.pair(await loopback.reachable());
  await directOf(client);
  client.send("one");
  await arrived(host, 1);
  const read = readAll(host);
  client.send("two");
  await arrived(host, 2);
  await client.close();
  assert.deepEqual(await read, ["one", "two"]);
  assert.deepEqual(await readAll(host), [], "and stays ended");
});

test("`messages` holds the newest 1,024 datagrams for a reader that is slow", async (t) => {
  const loopback = await Loopback.start(t);
  const { client, host } = await loopback.pair(await loopback.reachable());
  await directOf(client);
  for (let start = 0; start < 1100; start += 50) {
    for (let index = start; index < start + 50; index++) client.send(String(index));
    await arrived(host, start + 50);
  }
  await client.close();
  const read = await readAll(host);
  assert.deepEqual([read.length, read[0], read.at(-1)], [1024, "76", "1099"]);
});

test("text is sent as UTF-8, and an empty datagram is one", async (t) => {
  const loopback = await Loopback.start(t);
  const { client, host } = await loopback.pair(await loopback.reachable());
  const text = messageOf(client);
  host.send("größer 🙂");
  assert.equal(await text, "größer 🙂");
  const empty = messageOf(client);
  host.send(new Uint8Array(0));
  assert.equal(await empty, "");
});

test("the largest datagram arrives; a larger one is refused with the limit, and so is larger early data", async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable();
  const { client, host } = await loopback.pair(listener);
  assert.equal(client.maxDatagramBytes, 1195);
  const largest = "x".repeat(1195);
  const tooLarge = (error: unknown): boolean =>
    error instanceof PunchError && error.code === "TOO_LARGE" && error.message.includes("1195");
  assert.throws(() => client.send(`${largest}x`), tooLarge);
  const message = messageOf(host);
  client.send(largest);
  assert.equal(await message, largest);
  await assert.rejects(connect(listener.invite, { earlyData: `${largest}x` }), tooLarge);
  assert.equal(client.counts.sentDatagrams, 1);
});

test("the application may write to its buffer as soon as `send` has returned", async (t) => {
  const loopback = await Loopback.start(t);
  const { client, host } = await loopback.pair(await loopback.reachable());
  await directOf(client);
  const buffer = new Uint8Array(4).fill(0x61);
  client.send(buffer);
  buffer.fill(0x62);
  client.send(buffer);
  buffer.fill(0x63);
  await arrived(host, 2);
  await client.close();
  assert.deepEqual(await readAll(host), ["aaaa", "bbbb"]);
});

for (const end of ["client", "host"] as const) {
  test(`when the ${end} closes, both ends close without an error, and nothing more can be sent`, async (t) => {
    const loopback = await Loopback.start(t);
    const listener = await loopback.reachable();
    const pair = await loopback.pair(listener);
    assert.deepEqual([...listener.sessions], [pair.host]);
    const ends = Promise.all([endOf(pair.client), endOf(pair.host)]);
    await pair[end].close();
    assert.deepEqual(await ends, [undefined, undefined]);
    for (const each of [pair.client, pair.host]) assert.throws(() => each.send("x"), { code: "CLOSED" });
    assert.equal(listener.sessions.size, 0);
    await pair.client.close();
    await pair.host.close();
  });

  test(`the ${end} may close inside of a handler, and both ends hear of it`, async (t) => {
    const loopback = await Loopback.start(t);
    const pair = await loopback.pair(await loopback.reachable());
    const ends = Promise.all([endOf(pair.client), endOf(pair.host)]);
    const other = end === "client" ? pair.host : pair.client;
    pair[end].on("message", () => {
      void pair[end].close();
      assert.throws(() => pair[end].send("x"), { code: "CLOSED" });
    });
    other.send("stop");
    assert.deepEqual(await ends, [undefined, undefined]);
  });
}

test("path and verdict can still be read after the end", async (t) => {
  const loopback = await Loopback.start(t);
  const { client } = await loopback.pair(await loopback.reachable());
  await directOf(client);
  const { path } = client;
  await client.close();
  assert.equal(client.path.remote, path.remote);
  assert.equal(client.verdict.reason, "direct");
});

test("the host knows its client by the client's key, which stays the same", async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable();
  const first = await loopback.pair(listener);
  const second = await loopback.pair(listener);
  const stranger = await loopback.pair(listener, { folder: loopback.newFolder() });
  assert.equal(first.client.peer, listener.hostId);
  assert.match(first.host.peer, /^[a-z2-7]{52}$/);
  assert.equal(first.host.peer, second.host.peer);
  assert.notEqual(first.host.peer, stranger.host.peer);
});

test("several sessions on one listener do not hear each other", async (t) => {
  const loopback = await Loopback.start(t);
  const listener = await loopback.reachable();
  listener.on("session", (session) => session.on("message", (data) => session.send(data)));
  const clients = await Promise.all(
    Array.from({ length: 5 }, () => loopback.connect(listener.invite, { folder: loopback.newFolder() })),
  );
  const answers = clients.map((client) => messageOf(client));
  for (const [index, client] of clients.entries()) client.send(`from ${index}`);
  assert.deepEqual(
    await Promise.all(answers),
    clients.map((_, index) => `from ${index}`),
  );
  assert.equal(listener.sessions.size, 5);
});

/** Everything that the session brings until it ends. */
async function readAll(connection: Connection): Promise<string[]> {
  const read: string[] = [];
  for await (const data of connection.messages) read.push(textOf(data));
  return read;
}

/** Waits until that many datagrams have come; nobody need listen to them. */
async function arrived(connection: Connection, count: number): Promise<void> {
  const until = performance.now() + 10_000;
  while (connection.counts.receivedDatagrams < count) {
    assert(performance.now() < until, `${connection.counts.receivedDatagrams} of ${count} datagrams came`);
    await turn();
  }
}

function portOf(address: string): string | undefined {
  return address.split(":").at(-1);
}
