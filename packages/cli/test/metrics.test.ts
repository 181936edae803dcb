import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, connect as dial } from "node:net";
import { type TestContext, test } from "node:test";
import { Machine, textOf } from "./running-command.ts";
import { type RunningServer, startServer, startTcpServer } from "./running-server.ts";

const ask = 0x0000_0000;
const post = 0x0100_0000;
/** 127.0.0.1 as a number. */
const loopback = 0x7f00_0001;

test("each classic datagram is counted under its own word, once", async (t) => {
  const server = await startMeasured(t);
  const socket = await openSocket(t);
  const datagrams = [
    "",
    request(post, loopback, 32_262).subarray(0, 11),
    Buffer.concat([request(ask, loopback, 32_262), Buffer.alloc(1)]),
    request(0x0200_0000, loopback, 32_262),
    "127.0.0.300C",
    "C",
    "C",
    request(ask, loopback, 0),
    request(post, loopback, 0),
    request(post, loopback, 32_262),
    "V",
    "127.0.0.1C",
    "192.0.2.1C",
    Buffer.alloc(24, 0xff),
  ];
  for (const datagram of datagrams) socket.send(datagram, server.port, "127.0.0.1");
  await answered(socket, server, request(ask, 0xc000_0201, 32_262), /^c000020100007e06$/);
  await answered(socket, server, request(ask, loopback, 32_262), /^7f000001....7e06$/);

  const metrics = await server.metrics();
  assert.deepEqual(metrics.counts("fractal_punch_classic_total"), {
    'word="empty"': 1,
    'word="bad-size"': 2,
    'word="bad-type"': 1,
    'word="bad-address"': 1,
    'word="no-address"': 2,
    'word="port-0"': 2,
    'word="udp-post"': 1,
    'word="text-vm"': 1,
    'word="text-match"': 1,
    'word="text-client"': 1,
    'word="udp-missing"': 1,
    'word="udp-match"': 1,
  });
  assert.deepEqual(metrics.counts("fractal_punch_dropped_total"), { 'reason="not-ours"': 1 });
  assert.equal(metrics.counts("fractal_punch_entries")['table="classic"'], 2, "the POST, and who wants 192.0.2.1");
  assert.deepEqual(metrics.counts("fractal_punch_datagrams_received_total"), { "": datagrams.length + 2 });
  assert.deepEqual(metrics.counts("fractal_punch_datagrams_sent_total"), { "": 2 + 1 + 2 });
});

test("each TCP connection, and what was wrong with it, is counted under its own word", async (t) => {
  const server = await startMeasured(t);
  const asking = request(ask, loopback, 32_262);
  assert.equal(await exchanged(server.port, ""), "");
  assert.equal(await exchanged(server.port, asking.subarray(0, 1)), "");
  assert.equal(await exchanged(server.port, "GET / HTTP/1.1"), "");
  assert.equal(await exchanged(server.port, request(post, loopback, 32_262)), "");
  assert.equal(await exchanged(server.port, asking), "7f00000100007e06");
  assert.equal(await exchanged(server.port, Buffer.concat([asking, asking])), "7f00000100007e06");

  const metrics = await server.metrics();
  assert.deepEqual(metrics.counts("fractal_punch_streams_total"), {
    'word="opened"': 6,
    'word="silent"': 1,
    'word="cut"': 1,
    'word="not-ours"': 1,
    'word="surplus"': 1,
  });
  assert.deepEqual(metrics.counts("fractal_punch_classic_total"), {
    'word="tcp-post"': 1,
    'word="post-left"': 1,
    'word="tcp-missing"': 2,
  });
  assert.equal(metrics.counts("fractal_punch_entries")['table="streams"'], 0);
});

test("what the new protocol does is counted, and totals stay totals from one scrape to the next", async (t) => {
  const machine = new Machine(t);
  const server = await startMeasured(t, machine);
  await machine.start(["host", "--echo", "--json"]).event("registered");
  const ping = await machine.run(["ping", "--until-direct", "--interval", "0.05", "--json"]);
  assert.equal(ping.code, 0, ping.stdout + ping.stderr);
  const socket = await openSocket(t);
  await answered(socket, server, Buffer.from("000100002112a442000102030405060708090a0b", "hex"), /^0101/);

  const first = await server.metrics();
  const served = first.counts("fractal_punch_served_total");
  assert.ok((served['what="binding"'] ?? 0) >= 1);
  assert.ok((served['what="connect"'] ?? 0) >= 1);
  assert.ok((served['what="channel-data"'] ?? 0) > 0);
  assert.ok((first.counts("fractal_punch_relayed_bytes_total")[""] ?? 0) > 0);
  assert.ok(Object.keys(first.counts("fractal_punch_reports_total")).includes('path="direct",reason="direct"'));
  assert.equal(first.counts("fractal_punch_entries")['table="registrations"'], 1);
  assert.ok((first.counts("process_resident_memory_bytes")[""] ?? 0) > 1e7);
  const startedSeconds = first.counts("process_start_time_seconds")[""] ?? 0;
  assert.ok(startedSeconds > Date.now() / 1000 - 600 && startedSeconds < Date.now() / 1000);
  const second = await server.metrics();
  assert.equal(second.counts("fractal_punch_served_total")['what="connect"'], served['what="connect"']);
});

test("what an Allocate without credentials is sent for its bytes is in the metrics: the factor of a forged address", async (t) => {
  const server = await startMeasured(t);
  const socket = await openSocket(t);
  const allocate = Buffer.from("000300082112a442000102030405060708090a0b0019000411000000", "hex");
  const heard = once(socket, "message");
  await answered(socket, server, allocate, /^0113/);
  const [refusal] = await heard;
  assert.deepEqual((await server.metrics()).counts("fractal_punch_challenge_bytes_total"), {
    'direction="question"': allocate.length,
    'direction="answer"': refusal.length,
  });
  assert.ok(refusal.length < 6 * allocate.length, `${refusal.length} bytes for ${allocate.length}`);
});

test("the metrics are all that the endpoint has, and they can only be read", async (t) => {
  const { url } = await startMeasured(t);
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.equal((await fetch(`${url}?name=any`)).status, 200);
  for (const path of ["/", "/metrics/", "/metricsx"]) assert.equal((await fetch(new URL(path, url))).status, 404, path);
  for (const method of ["POST", "HEAD", "DELETE", "OPTIONS"]) {
    const refused = await fetch(url, { method });
    assert.equal(refused.status, 405, method);
    assert.equal(refused.headers.get("allow"), "GET");
  }
});

test("without --metrics there are none, and the ready line names none", async (t) => {
  const { listening } = await startServer(new Machine(t));
  assert.ok(!("metrics" in listening));
});

test("an address that is not on loopback, or none at all, is refused with 2 and says what is taken", async (t) => {
  const cases: [string, RegExp][] = [
    ["0.0.0.0:9480", /must be on loopback, such as 127\.0\.0\.1:9480/],
    ["192.0.2.1:9480", /must be on loopback/],
    ["[::]:9480", /must be on loopback/],
    ["[2001:db8::1]:9480", /must be on loopback/],
    ["9480", /an IP address and a port/],
    ["localhost:9480", /an IP address and a port/],
    ["127.0.0.1", /an IP address and a port/],
    ["127.0.0.1:65536", /an IP address and a port/],
    ["[::ffff:127.0.0.1]:9480", /an IP address and a port/],
  ];
  const ended = await Promise.all(cases.map(([address]) => new Machine(t).run(["serve", "--metrics", address])));
  for (const [index, [address, sentence]] of cases.entries()) {
    assert.equal(ended[index]?.code, 2, address);
    assert.match(ended[index]?.stderr ?? "", sentence);
  }
});

test("a port for the metrics that is in use ends serve with 2, naming it", async (t) => {
  const other = createServer().listen(0, "127.0.0.1");
  t.after(() => other.close());
  await once(other, "listening");
  const bound = other.address();
  assert.ok(typeof bound === "object" && bound !== null);
  const ports = ["--port", "0", "--port2", "0", "--no-tls"];
  const address = `127.0.0.1:${bound.port}`;
  const serve = await new Machine(t).run(["serve", "--listen", "127.0.0.1", ...ports, "--metrics", address, "--json"]);
  assert.equal(serve.code, 2, serve.stdout + serve.stderr);
  assert.match(serve.stdout, /"PORT_IN_USE"/);
  assert.ok(serve.stdout.includes(`TCP ${address} for --metrics is in use`), serve.stdout);
});

test("SIGTERM ends the server while a connection to its metrics is open and has asked half", async (t) => {
  const { serve, url, metrics } = await startMeasured(t);
  const half = dial(Number(new URL(url).port), "127.0.0.1");
  t.after(() => half.destroy());
  half.write("GET /metrics HTTP/1.1\r\nHost: ");
  await once(half, "connect");
  // What connected later was answered, so the half one was accepted.
  await metrics();
  half.on("error", () => {});
  assert.equal((await serve.signal("SIGTERM")).code, 0);
});

interface MeasuredServer extends RunningServer {
  readonly url: string;
  readonly metrics: () => Promise<Metrics>;
}

async function startMeasured(t: TestContext, machine: Machine = new Machine(t)): Promise<MeasuredServer> {
  const server = await startTcpServer(machine, "--metrics", "127.0.0.1:0");
  const url = `http://${textOf(server.listening, "metrics")}/metrics`;
  return { ...server, url, metrics: async () => new Metrics(await (await fetch(url)).text()) };
}

/** What one scrape gave. */
class Metrics {
  readonly #lines: readonly string[];

  constructor(text: string) {
    this.#lines = text.split("\n");
  }

  /** The values of one metric, by their labels as they are written. */
  counts(name: string): Record<string, number> {
    assert.ok(
      this.#lines.some((line) => line.startsWith(`# TYPE ${name} `)),
      `${name} is told`,
    );
    const samples = this.#lines.map((line) => /^([a-z_]+)(?:\{(.*)\})? ([0-9.e+]+)$/.exec(line));
    return Object.fromEntries(
      samples.flatMap((match) => (match?.[1] === name ? [[match[2] ?? "", Number(match[3])]] : [])),
    );
  }
}

async function openSocket(t: TestContext): Promise<Socket> {
  const socket = createSocket("udp4");
  t.after(() => socket.close());
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

/** Resolves when the server has answered, and so has taken all that the socket sent before. */
async function answered(socket: Socket, { port }: RunningServer, question: Buffer, answer: RegExp): Promise<void> {
  const heard = new Promise<void>((resolve) => {
    socket.on("message", (bytes) => {
      if (answer.test(bytes.toString("hex"))) resolve();
    });
  });
  socket.send(question, port, "127.0.0.1");
  await heard;
}

/** Connects, sends, ends, and gives what was answered, in hex, once the server has ended, too. */
async function exchanged(port: number, bytes: Buffer | string): Promise<string> {
  const socket = dial(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (piece) => {
    answer += piece.toString("hex");
  });
  socket.end(bytes);
  await once(socket, "close");
  return answer;
}

/** The second generation's request: its type, an address and a public port. */
function request(type: number, ip: number, publicPort: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(type, 0);
  bytes.writeUInt32BE(ip, 4);
  bytes.writeUInt16BE(publicPort, 10);
  return bytes;
}
