import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { type Address, type PortRequest, sameAddress } from "@fractal-punch/machine";
import { holdDeadlines } from "./held-deadlines.ts";
import { makeCertificate } from "./test-certificates.ts";
import { loopback4, news, type Started, start, text } from "./test-machine.ts";

const tls: PortRequest = { transport: "tls", family: 4, local: loopback4, port: 0 };

test("a port of TLS fails in a driver without a certificate, and its number is free", async () => {
  const { driver, act, next } = start({}, null);
  act((out) => out.openPort(1, tls));
  assert.deepEqual(await next("port-failed"), { type: "port-failed", port: 1, code: "EPROTONOSUPPORT" });
  act((out) => out.openPort(1, { ...tls, transport: "tcp" }));
  await next("port-opened");
  await driver.close();
});

test("a driver is not made with a key that is not the certificate's", () => {
  const { cert } = makeCertificate("one.example");
  const { key } = makeCertificate("other.example");
  assert.throws(() => start({}, { key, cert }), { code: "ERR_OSSL_X509_KEY_VALUES_MISMATCH" });
  assert.throws(() => start({}, { key: "none", cert }));
});

test("a connection is told of when its handshake is done, and not before", async (context) => {
  const server = start({});
  const tcp = await dial(context, await listen(server));
  await turn();
  assert.deepEqual(news(server), ["port-opened"]);
  const client = connectTls({ socket: tcp, rejectUnauthorized: false });
  client.write("at once");
  const { from } = await server.next("stream-opened");
  assert.equal(from.port, tcp.localPort);
  assert.equal((await server.next("datagram")).text, "at once");
  await server.driver.close();
});

test("a handshake that never ends is closed after 10 s, however much came of it", async (context) => {
  const server = start({});
  const at = await listen(server);
  const hello = await clientHello();
  const deadlines = holdDeadlines(context, 10_000);
  const silent = await dial(context, at);
  const slow = await dial(context, at);
  slow.write(hello.subarray(0, 100));
  await until(() => deadlines.length === 2);
  slow.write(hello.subarray(100, 101));
  for (const reach of deadlines) reach();
  await Promise.all([closed(silent), closed(slow)]);
  assert.deepEqual(server.driver.counters.drops, new Map([["handshake-late", 2]]));
  assert.deepEqual(news(server), ["port-opened"]);
  await server.driver.close();
});

test("the deadline of a handshake that is done is over", async (context) => {
  const server = start({});
  const at = await listen(server);
  const deadlines = holdDeadlines(context, 10_000);
  const client = await secure(context, at);
  await server.next("stream-opened");
  for (const reach of deadlines) reach();
  client.write("still here");
  assert.equal((await server.next("datagram")).text, "still here");
  await server.driver.close();
});

test("a handshake that is cut at any length costs nothing and tells nothing", async (context) => {
  const server = start({});
  const at = await listen(server);
  const hello = await clientHello();
  for (let length = 0; length < hello.length; length++) {
    // So many would not be taken from one network.
    const client = await dial(context, at, `127.0.${length % 200}.1`);
    client.end(hello.subarray(0, length));
    await closed(client);
  }
  await until(() => server.driver.counters.drops.get("handshake-failed") === hello.length);
  assert.deepEqual(news(server), ["port-opened"]);
  await server.driver.close();
});

test("what is no handshake closes the connection", async (context) => {
  const server = start({});
  const at = await listen(server);
  const stun = Buffer.alloc(20);
  stun.writeUInt32BE(0x2112_a442, 4);
  const words = ["GET / HTTP/1.1\r\n\r\n", stun, Buffer.alloc(100_000, 0x16), Buffer.from("160301ffff01", "hex")];
  for (const word of words) (await dial(context, at)).on("error", () => {}).end(word);
  await until(() => server.driver.counters.drops.get("handshake-failed") === words.length);
  assert.deepEqual(news(server), ["port-opened"]);
  await server.driver.close();
});

test("TLS 1.0 and 1.1 are refused with an alert, 1.2 and 1.3 are taken", async (context) => {
  const server = start({});
  const at = await listen(server);
  // OpenSSL has the older versions only at security level 0.
  const only = (version: "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3"): ConnectionOptions => {
    return { minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" };
  };
  for (const version of ["TLSv1", "TLSv1.1"] as const)
    await assert.rejects(secure(context, at, only(version)), { code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    assert.equal((await secure(context, at, only(version))).getProtocol(), version);
    await server.next("stream-opened");
  }
  assert.deepEqual(server.driver.counters.drops, new Map([["handshake-failed", 2]]));
  await server.driver.close();
});

test("a client that asks for a second handshake in TLS 1.2 is cut off", async (context) => {
  const server = start({});
  const client = await secure(context, await listen(server), { maxVersion: "TLSv1.2" });
  await server.next("stream-opened");
  client.renegotiate({}, () => {});
  await server.next("stream-ended");
  await server.driver.close();
});

test("65 handshakes of one network close its oldest one, and leave those of others", async (context) => {
  const server = start({});
  const at = await listen(server);
  const elsewhere = await dial(context, at, "127.0.9.1");
  const held = [];
  for (let i = 0; i < 64; i++) held.push(await dial(context, at, `127.0.1.${1 + (i % 8)}`));
  const client = await secure(context, at, {}, "127.0.1.99");
  await server.next("stream-opened");
  const [oldest, ...others] = held;
  if (oldest !== undefined) await closed(oldest);
  assert.equal(server.driver.counters.drops.get("handshake-made-room"), 1);
  assert.ok([elsewhere, ...others, client].every((socket) => !socket.destroyed));
  await server.driver.close();
});

test("1,025 handshakes of all networks close the oldest of all", async (context) => {
  const server = start({});
  const at = await listen(server);
  const held = [];
  for (let i = 0; i < 1_024; i++) held.push(await dial(context, at, `127.0.${i >> 5}.1`));
  const client = await secure(context, at, {}, "127.0.99.1");
  await server.next("stream-opened");
  const [oldest, ...others] = held;
  if (oldest !== undefined) await closed(oldest);
  assert.equal(server.driver.counters.drops.get("handshake-made-room"), 1);
  assert.ok([...others, client].every((socket) => !socket.destroyed));
  await server.driver.close();
});

test("CVE-2023-39533: of one network 100 handshakes begin in 5 s, and those of others go on", async (context) => {
  const server = start({});
  const at = await listen(server);
  const clock = context.mock.method(performance, "now", () => 1_000_000);
  for (let i = 0; i < 100; i++) await closed((await dial(context, at)).end());
  await until(() => server.driver.counters.drops.get("handshake-failed") === 100);
  await assert.rejects(secure(context, at), { code: "ECONNRESET" });
  assert.equal(server.driver.counters.drops.get("handshake-rate"), 1);
  await secure(context, at, {}, "127.0.1.1");
  clock.mock.mockImplementation(() => 1_005_000);
  await secure(context, at);
  await server.driver.close();
});

test("closing a port ends the handshakes under way, and frees number and port at once", async (context) => {
  const server = start({});
  const at = await listen(server);
  const client = await dial(context, at);
  client.write((await clientHello()).subarray(0, 50));
  await turn();
  server.act((out) => {
    out.closePort(1);
    out.openPort(1, { ...tls, port: at.port });
  });
  await closed(client);
  assert.ok(sameAddress((await server.next("port-opened")).local, at));
  await secure(context, at);
  await server.next("stream-opened");
  await server.driver.close();
  assert.deepEqual(news(server), ["port-opened", "port-opened", "stream-opened"]);
});

test("a driver that closes waits for handshakes under way to be gone", async (context) => {
  const server = start({});
  const client = await dial(context, await listen(server));
  await turn();
  await server.driver.close();
  await closed(client);
});

test("a new certificate is for new connections, and a bad one changes nothing", async (context) => {
  const first = makeCertificate("first.example");
  const second = makeCertificate("second.example");
  const server = start({ receive: (_now, port, from, bytes, _info, out) => out.send(port, from, bytes) }, first);
  const at = await listen(server);
  const older = await secure(context, at);
  server.driver.replaceTls(second);
  assert.throws(() => server.driver.replaceTls({ key: first.key, cert: second.cert }));
  assert.equal((await secure(context, at)).getPeerCertificate().subject.CN, second.name);
  assert.equal(older.getPeerCertificate().subject.CN, first.name);
  older.write("still here");
  assert.equal(String((await once(older, "data"))[0]), "still here");
  await server.driver.close();
});

test("what is written in one turn of the event loop leaves, up to 256 KiB, and no more is taken", async (context) => {
  const server = start({});
  const client = await secure(context, await listen(server));
  const { from } = await server.next("stream-opened");
  const pieces: Buffer[] = [];
  client.on("data", (piece: Buffer) => pieces.push(piece));
  server.act((out) => {
    for (let i = 0; i < 300; i++) out.send(1, from, text("x".repeat(1_024)));
    out.closeStream(1, from);
  });
  await once(client, "end");
  assert.equal(Buffer.concat(pieces).length, 262_144);
  assert.equal(server.driver.counters.drops.get("send-queue-full"), 300 - 256);
  await server.driver.close();
});

/** Opens port 1, and gives its address. */
async function listen({ act, next }: Started): Promise<Address> {
  act((out) => out.openPort(1, tls));
  return (await next("port-opened")).local;
}

/** A connection of TCP, which ends with the test. */
async function dial(context: TestContext, { port }: Address, localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  context.after(() => socket.destroy());
  await once(socket, "connect");
  return socket.on("error", () => {}).resume();
}

/** A connection whose handshake is done. */
async function secure(
  context: TestContext,
  { port }: Address,
  options: ConnectionOptions = {},
  localAddress = "127.0.0.1",
): Promise<TLSSocket> {
  const place = { port, host: "127.0.0.1", localAddress };
  const socket = connectTls({ ...place, rejectUnauthorized: false, ...options });
  context.after(() => socket.destroy());
  await once(socket, "secureConnect");
  return socket.on("error", () => {});
}

/** The first bytes of a client. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  assert.ok(typeof bound === "object" && bound !== null);
  const client = connectTls({ port: bound.port, host: "127.0.0.1", rejectUnauthorized: false }).on("error", () => {});
  const [socket]: Socket[] = await once(server, "connection");
  assert.ok(socket !== undefined);
  const [hello]: Buffer[] = await once(socket, "data");
  assert.ok(hello !== undefined);
  client.destroy();
  server.close();
  return hello;
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}
