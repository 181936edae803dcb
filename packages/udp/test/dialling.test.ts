import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createServer as createTlsServer, type SecureVersion, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { type Address, addressText, ipText, type PortRequest, sameAddress } from "@fractal-punch/machine";
import { wholeOf } from "./far-end.ts";
import { holdDeadlines } from "./held-deadlines.ts";
import { makeCertificate } from "./test-certificates.ts";
import { address, hasIp6, loopback4, loopback6, news, type Started, start, text } from "./test-machine.ts";

const pinned = makeCertificate("pinned.example");

for (const transport of ["tcp", "tls"] as const) {
  for (const [name, local] of [
    ["IPv4", loopback4],
    ["IPv6", loopback6],
  ] as const) {
    test(`a dialled port of ${transport} opens, sends, receives and ends over ${name}`, {
      skip: local.family === 6 && !hasIp6,
    }, async (context) => {
      const { at, accepted } = await listen(context, transport, local);
      const dialler = start({});
      dial(dialler, transport, at);
      const far = await accepted();
      const opened = await dialler.next("stream-opened");
      assert.equal(opened.port, 1);
      assert.ok(sameAddress(opened.from, at));
      assert.equal(addressText(opened.local), addressText(address(farText(far))));
      dialler.act((out) => out.send(1, at, text("question")));
      assert.equal(String((await once(far, "data"))[0]), "question");
      far.end("answer");
      assert.equal((await dialler.next("datagram")).text, "answer");
      assert.deepEqual(await dialler.next("stream-ended"), { type: "stream-ended", port: 1, from: at });
      dialler.act((out) => out.send(1, at, text("too late")));
      assert.deepEqual(dialler.driver.counters.drops, new Map([["stream-not-open", 1]]));
      assert.deepEqual(news(dialler), ["stream-opened", "datagram", "stream-ended"]);
      await dialler.driver.close();
    });
  }

  test(`closing a dialled stream of ${transport} delivers what was sent, and tells nothing`, async (context) => {
    const { at, accepted } = await listen(context, transport);
    const dialler = start({});
    dial(dialler, transport, at);
    await dialler.next("stream-opened");
    const whole = wholeOf(await accepted());
    dialler.act((out) => {
      out.send(1, at, Buffer.alloc(1_000_000, "last words "));
      out.closeStream(1, at);
      out.closeStream(1, at);
      out.send(1, at, text("nothing"));
    });
    assert.ok((await whole).equals(Buffer.alloc(1_000_000, "last words ")));
    assert.deepEqual(dialler.driver.counters.drops, new Map([["stream-not-open", 1]]));
    assert.deepEqual(
      news(dialler).filter((word) => word !== "stream-full"),
      ["stream-opened"],
    );
    await dialler.driver.close();
  });

  test(`a short goodbye leaves a dialled port of ${transport} that is closed in the same call`, async (context) => {
    const { at, accepted } = await listen(context, transport);
    const dialler = start({});
    dial(dialler, transport, at);
    await dialler.next("stream-opened");
    const whole = wholeOf(await accepted());
    dialler.act((out) => {
      out.send(1, at, text("goodbye"));
      out.closePort(1);
    });
    assert.equal(String(await whole), "goodbye");
    assert.deepEqual(news(dialler), ["stream-opened"]);
    await dialler.driver.close();
  });

  test(`a port of ${transport} that is closed while it dials tells nothing, and its number is free at once`, async (context) => {
    const { at } = await listen(context, transport);
    const dialler = start({});
    dialler.act((out) => {
      out.openPort(1, request(transport, at));
      out.closePort(1);
      out.openPort(1, request(transport, at));
    });
    await dialler.next("stream-opened");
    assert.deepEqual(news(dialler), ["stream-opened"]);
    await dialler.driver.close();
  });

  test(`what the far end of a dialled port of ${transport} does not take is dropped, and the rest comes whole`, async (context) => {
    const { at, accepted } = await listen(context, transport);
    const dialler = start({});
    dial(dialler, transport, at);
    await dialler.next("stream-opened");
    const far = (await accepted()).pause();
    const { drops } = dialler.driver.counters;
    dialler.act((out) => {
      while (!drops.has("send-queue-full")) out.send(1, at, Buffer.alloc(50_000, "x"));
      out.closeStream(1, at);
    });
    assert.equal((await wholeOf(far)).length, 50_000 * dialler.driver.counters.sent);
    await dialler.driver.close();
  });

  test(`a dialled port of ${transport} that nobody answers fails after 10 s`, async (context) => {
    const { at } = await listen(context, "tcp");
    const dialler = start({});
    const deadlines = holdDeadlines(context, 10_000);
    dial(dialler, transport, at);
    assert.equal(deadlines.length, 1);
    deadlines[0]?.();
    assert.deepEqual(await dialler.next("port-failed"), { type: "port-failed", port: 1, code: "ETIMEDOUT" });
    assert.deepEqual(news(dialler), ["port-failed"]);
    await dialler.driver.close();
  });

  test(`a port of ${transport} that nobody listens on fails with the system's word`, async () => {
    const dialler = start({});
    dial(dialler, transport, await closedPort());
    assert.deepEqual(await dialler.next("port-failed"), { type: "port-failed", port: 1, code: "ECONNREFUSED" });
    await dialler.driver.close();
  });
}

test("a port dials from the address and the number that it is given", async (context) => {
  const { at, accepted } = await listen(context, "tcp");
  const from = await closedPort("127.0.0.2:0");
  const dialler = start({});
  dialler.act((out) => out.openPort(1, { ...request("tcp", at), local: from, port: from.port }));
  assert.equal(farText(await accepted()), addressText(from));
  assert.ok(sameAddress((await dialler.next("stream-opened")).local, from));
  await dialler.driver.close();
});

test("what is sent to another address than the dialled one is dropped, and closes nothing", async (context) => {
  const { at, accepted } = await listen(context, "tcp");
  const dialler = start({});
  dial(dialler, "tcp", at);
  await dialler.next("stream-opened");
  const far = await accepted();
  dialler.act((out) => {
    out.send(1, loopback4, text("elsewhere"));
    out.closeStream(1, loopback4);
    out.send(1, at, text("there"));
  });
  assert.equal(String((await once(far, "data"))[0]), "there");
  assert.deepEqual(dialler.driver.counters.drops, new Map([["stream-not-open", 1]]));
  await dialler.driver.close();
});

test("a handshake that never ends fails after 10 s, and its connection is closed", async (context) => {
  const { at, accepted } = await listen(context, "tcp");
  const dialler = start({});
  const deadlines = holdDeadlines(context, 10_000);
  dial(dialler, "tls", at);
  const far = await accepted();
  await once(far, "data");
  deadlines[0]?.();
  assert.equal((await dialler.next("port-failed")).code, "ETIMEDOUT");
  await once(far.resume(), "close");
  assert.deepEqual(news(dialler), ["port-failed"]);
  await dialler.driver.close();
});

for (const [what, answer] of [
  ["with something else than TLS", "HTTP/1.1 400 Bad Request\r\n\r\n"],
  ["by closing the connection", ""],
  ["with a handshake that is cut", "\x16\x03\x03\x00\x7a\x02\x00"],
] as const) {
  test(`a server that answers ${what} is a fault of TLS`, async (context) => {
    const { at, accepted } = await listen(context, "tcp");
    const dialler = start({});
    dial(dialler, "tls", at);
    (await accepted()).end(answer, "latin1");
    assert.equal((await dialler.next("port-failed")).code, "TLS");
    assert.deepEqual(news(dialler), ["port-failed"]);
    await dialler.driver.close();
  });
}

test("a server that resets the connection in the handshake is a fault of TLS", async (context) => {
  const { at, accepted } = await listen(context, "tcp");
  const dialler = start({});
  dial(dialler, "tls", at);
  const far = await accepted();
  await once(far, "data");
  far.resetAndDestroy();
  assert.equal((await dialler.next("port-failed")).code, "TLS");
  await dialler.driver.close();
});

test("a server that has only TLS 1.1 is a fault of TLS, and one with 1.2 is taken", async (context) => {
  const dialler = start({});
  const old = await listen(context, "tls", loopback4, "TLSv1.1");
  dial(dialler, "tls", old.at);
  assert.equal((await dialler.next("port-failed")).code, "TLS");
  const modern = await listen(context, "tls", loopback4, "TLSv1.2");
  dial(dialler, "tls", modern.at);
  assert.ok(sameAddress((await dialler.next("stream-opened")).from, modern.at));
  await dialler.driver.close();
});

test("a certificate is taken by its key, and for any key when none is asked for", async (context) => {
  const { at } = await listen(context, "tls");
  assert.equal(await outcome(at, { name: "other.example", keyHash: pinned.keyHash }), "stream-opened");
  assert.equal(await outcome(at, { name: "other.example" }), "stream-opened");
  assert.equal(await outcome(at, undefined), "stream-opened");
});

test("a certificate of another key, which no authority vouches for, is refused before anything is sent", async (context) => {
  const { at, received } = await listen(context, "tls");
  const server = { name: pinned.name, keyHash: makeCertificate(pinned.name).keyHash };
  assert.equal(await outcome(at, server), "CERTIFICATE");
  assert.equal(await outcome(at, { name: pinned.name, keyHash: pinned.keyHash.subarray(1) }), "CERTIFICATE");
  assert.deepEqual(await received(), []);
});

test("a certificate of another key is taken when an authority vouches for it and for that name", async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "fractal-punch-"));
  context.after(() => rm(folder, { recursive: true }));
  const authority = makeCertificate("An Authority");
  await writeFile(join(folder, "authority.pem"), authority.cert);
  const { at } = await listen(context, "tls", loopback4, undefined, makeCertificate("public.example", authority));
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, "authority.pem") };
  const run = async (name: string): Promise<string> => {
    const options = { cwd: import.meta.dirname, env };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", dialling(at, name)],
      options,
    );
    return stdout;
  };
  assert.equal(await run("public.example"), "stream-opened");
  assert.equal(await run("other.example"), "CERTIFICATE");
  assert.equal(await run(ipText(at)), "CERTIFICATE");
});

test("a name is sent to the server, an address is not", async (context) => {
  const { at, accepted } = await listen(context, "tls");
  for (const [name, sent] of [
    ["punch.example.com", "punch.example.com"],
    ["192.0.2.1", false],
    ["2001:db8::1", false],
  ] as const) {
    assert.equal(await outcome(at, { name }), "stream-opened");
    const far: Socket & Partial<Pick<TLSSocket, "servername">> = await accepted();
    assert.equal(far.servername, sent);
  }
});

interface Listening {
  readonly at: Address;
  /** The next connection that was accepted; with TLS, whose handshake is done. */
  accepted(): Promise<Socket>;
  /** What came until all connections had ended, inside TLS. */
  received(): Promise<string[]>;
}

/** A server that ends with the test. */
async function listen(
  context: TestContext,
  transport: "tcp" | "tls",
  local: Address = loopback4,
  version?: SecureVersion,
  { key, cert } = pinned,
): Promise<Listening> {
  // OpenSSL has the older versions only at security level 0.
  const only = version && { minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" };
  const server: Server = transport === "tcp" ? createServer() : createTlsServer({ key, cert, ...only });
  const sockets: Socket[] = [];
  const ends: Promise<unknown>[] = [];
  const pieces: string[] = [];
  let heard = (): void => {};
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    ends.push(new Promise((resolve) => socket.on("close", resolve)));
    context.after(() => socket.destroy());
  });
  server.on(transport === "tcp" ? "connection" : "secureConnection", (socket: Socket) => {
    sockets.push(socket.on("error", () => {}));
    heard();
  });
  const received = async (): Promise<string[]> => {
    for (const socket of sockets) socket.on("data", (piece: Buffer) => pieces.push(String(piece)));
    await Promise.all(ends);
    return pieces;
  };
  server.listen(0, ipText(local));
  await once(server, "listening");
  context.after(() => server.close());
  const bound = server.address();
  assert.ok(typeof bound === "object" && bound !== null);
  const accepted = async (): Promise<Socket> => {
    for (let socket = sockets.shift(); ; socket = sockets.shift()) {
      if (socket !== undefined) return socket;
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
  };
  return { at: { ...local, port: bound.port }, accepted, received };
}

function request(transport: "tcp" | "tls", remote: Address): PortRequest {
  return { transport, family: remote.family, port: 0, remote };
}

/** Dials with port 1. */
function dial({ act }: Started, transport: "tcp" | "tls", remote: Address): void {
  act((out) => out.openPort(1, request(transport, remote)));
}

/** What becomes of one dialled connection. */
async function outcome(remote: Address, server: PortRequest["server"]): Promise<string> {
  let driver: Started["driver"] | undefined;
  const word = await new Promise<string>((resolve) => {
    const started = start({
      command: (_now, command) => {
        if (command.type === "stream-opened") resolve(command.type);
        if (command.type === "port-failed") resolve(command.code);
      },
    });
    driver = started.driver;
    started.act((out) => out.openPort(1, { ...request("tls", remote), ...(server && { server }) }));
  });
  await driver?.close();
  return word;
}

/** A program that dials, and prints what becomes of it. */
function dialling(at: Address, name: string): string {
  return `
    import { Driver } from "@fractal-punch/udp";
    const remote = ${JSON.stringify(at)};
    const server = { name: ${JSON.stringify(name)}, keyHash: new Uint8Array(32) };
    const command = (now, command, out) => {
      if (command.type === "clock") return out.openPort(1, { transport: "tls", family: 4, port: 0, remote, server });
      out.emit(command.code ?? command.type);
    };
    const onEvent = async (event) => {
      process.stdout.write(event);
      await driver.close();
    };
    const driver = new Driver({ receive() {}, wake() {}, nextWake: () => Infinity, command }, { onEvent });
  `;
}

/** An address that nobody listens on. */
async function closedPort(local = "127.0.0.1:0"): Promise<Address> {
  const server = createServer().listen(0, ipText(address(local)));
  await once(server, "listening");
  const bound = server.address();
  assert.ok(typeof bound === "object" && bound !== null);
  server.close();
  await once(server, "close");
  return { ...address(local), port: bound.port };
}

function farText({ remoteAddress = "", remotePort, remoteFamily }: Socket): string {
  return remoteFamily === "IPv6" ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}
