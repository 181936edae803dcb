import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { type Address, addressFromIpText, addressText, ipText, sameAddress, withPort } from "@fractal-punch/machine";
import fc from "fast-check";
import { wholeOf } from "./far-end.ts";
import { holdDeadlines } from "./held-deadlines.ts";
import { address, hasIp6, loopback4, loopback6, type Started, start, text } from "./test-machine.ts";

type StreamTransport = "tcp" | "tls";

for (const [name, transport, local] of [
  ["IPv4", "tcp", loopback4],
  ["IPv6", "tcp", loopback6],
  ["IPv4", "tls", loopback4],
  ["IPv6", "tls", loopback6],
] as const) {
  test(`a stream of ${transport} opens, brings bytes, takes answers and ends over ${name}`, {
    skip: local.family === 6 && !hasIp6,
  }, async () => {
    const echo = start({ receive: (_now, port, from, bytes, _info, out) => out.send(port, from, bytes) });
    const at = await listen(echo, local, transport);
    const client = await dial(at, transport);
    const from = localOf(client);
    assert.deepEqual(await echo.next("stream-opened"), { type: "stream-opened", port: 1, from, local: at });
    client.write("hello");
    assert.deepEqual(await echo.next("datagram"), { type: "datagram", port: 1, from, text: "hello" });
    const answer = await once(client, "data");
    assert.equal(String(answer[0]), "hello");
    client.end();
    assert.deepEqual(await echo.next("stream-ended"), { type: "stream-ended", port: 1, from });
    await once(client, "close");
    assert.equal(echo.driver.counters.received, 1);
    assert.equal(echo.driver.counters.sent, 1);
    assert.equal(echo.driver.counters.drops.size, 0);
    assert.deepEqual(streamInputs(echo), ["stream-opened", "datagram", "stream-ended"]);
    await echo.driver.close();
  });
}

test("a port of TCP without a local address binds the wildcard address, of its own family only", async () => {
  const { driver, act, next } = start({});
  act((out) => out.openPort(1, { transport: "tcp", family: 4, port: 0 }));
  const opened = await next("port-opened");
  assert.equal(addressText(withPort(opened.local, 1)), "0.0.0.0:1");
  if (hasIp6) {
    act((out) => out.openPort(2, { transport: "tcp", family: 6, port: opened.local.port }));
    assert.equal(addressText((await next("port-opened")).local), `[::]:${opened.local.port}`);
  }
  await driver.close();
});

test("bytes and an end that come with the connection follow its opening in order", async () => {
  const receiver = start({});
  const at = await listen(receiver, loopback4);
  const client = connect(at.port, ipText(at));
  client.end("all at once");
  await receiver.next("stream-ended");
  assert.equal((await receiver.next("datagram")).text, "all at once");
  assert.deepEqual(streamInputs(receiver), ["stream-opened", "datagram", "stream-ended"]);
  await receiver.driver.close();
});

testBoth(
  "a long transfer comes whole and in order, in pieces that the machine may keep by slice",
  async (transport) => {
    const copies: Uint8Array[] = [];
    const receiver = start({
      receive: (_now, _port, _from, bytes) => {
        assert.ok(bytes.length > 0);
        copies.push(bytes.slice());
        bytes.fill(0);
      },
    });
    const client = await dial(await listen(receiver, loopback4, transport), transport);
    const sent = pattern(3_000_000, 1);
    client.end(sent);
    await receiver.next("stream-ended");
    assert.ok(Buffer.concat(copies).equals(sent));
    await receiver.driver.close();
  },
);

test("a stream that the far end resets ends once", async () => {
  const receiver = start({});
  const client = await dial(await listen(receiver, loopback4));
  client.write("last words");
  await receiver.next("datagram");
  client.resetAndDestroy();
  const { from } = await receiver.next("stream-ended");
  receiver.act((out) => out.send(1, from, text("too late")));
  assert.deepEqual(receiver.driver.counters.drops, new Map([["stream-not-open", 1]]));
  await receiver.driver.close();
  assert.deepEqual(streamInputs(receiver), ["stream-opened", "datagram", "stream-ended"]);
});

testBoth("a far end that closes half still gets the answer to what it sent before", async (transport) => {
  const server = start({
    receive: (_now, port, from, _bytes, _info, out) => out.send(port, from, pattern(500_000, 7)),
  });
  const client = await dial(await listen(server, loopback4, transport), transport);
  client.end("ask");
  assert.ok((await wholeOf(client)).equals(pattern(500_000, 7)));
  await server.next("stream-ended");
  await server.driver.close();
});

testBoth(
  "a stream that is closed inside receive delivers the answer and then its end, and tells nothing more",
  async (transport, context) => {
    holdDeadlines(context, 5_000);
    const server = start({ receive: answerAndClose });
    const client = await dial(await listen(server, loopback4, transport), transport, true);
    client.write("ask");
    assert.equal(String(await wholeOf(client)), "answer");
    await writeUntilRefused(client);
    assert.deepEqual(streamInputs(server), ["stream-opened", "datagram"]);
    await server.driver.close();
  },
);

test("bytes that were not read when their stream was closed do not take the answer from the far end", async () => {
  const server = start({
    command: (_now, command, out) => {
      if (command.type !== "stream-opened") return;
      out.send(command.port, command.from, pattern(1_000_000, 3));
      out.closeStream(command.port, command.from);
    },
  });
  const at = await listen(server, loopback4);
  const client = connect(at.port, ipText(at));
  client.write("here before the connection is accepted");
  assert.ok((await wholeOf(client)).equals(pattern(1_000_000, 3)));
  assert.deepEqual(streamInputs(server), ["stream-opened"]);
  await server.driver.close();
});

testBoth("a stream may be closed in the call that opens it, and closing it again does nothing", async (transport) => {
  const server = start({
    command: (_now, command, out) => {
      if (command.type !== "stream-opened") return;
      out.send(command.port, command.from, text("full"));
      out.closeStream(command.port, command.from);
      out.closeStream(command.port, command.from);
      out.closeStream(9, command.from);
      out.send(command.port, command.from, text("nothing"));
    },
  });
  const client = await dial(await listen(server, loopback4, transport), transport);
  client.write("ask");
  assert.equal(String(await wholeOf(client)), "full");
  assert.deepEqual(streamInputs(server), ["stream-opened"]);
  assert.deepEqual(server.driver.counters.drops, new Map([["stream-not-open", 1]]));
  await server.driver.close();
});

testBoth(
  "what a far end does not take is dropped, and a closed stream waits 5 s for it at most",
  async (transport, context) => {
    const server = start({});
    const client = await dial(await listen(server, loopback4, transport), transport);
    client.pause();
    const { from } = await server.next("stream-opened");
    const { drops } = server.driver.counters;
    while (!drops.has("send-queue-full")) {
      server.act((out) => out.send(1, from, pattern(50_000, 1)));
      await turn();
    }
    const deadlines = holdDeadlines(context, 5_000);
    server.act((out) => out.closeStream(1, from));
    assert.equal(deadlines.length, 1);
    deadlines[0]?.();
    // Of TLS the rest is cut off in the next turn; a client that read before would get it.
    await turn();
    let received = 0;
    client.on("data", (piece: Buffer) => {
      received += piece.length;
    });
    // It is reset, which not every version of Node tells from an end.
    const closed = new Promise((resolve) => client.once("close", resolve));
    client.on("error", () => {}).resume();
    await closed;
    assert.ok(received < 25_000 * server.driver.counters.sent, "the system has forgotten what it had not delivered");
    assert.deepEqual(streamInputs(server), ["stream-opened"]);
    await server.driver.close();
  },
);

testBoth(
  "any writes arrive in order, each whole or not at all, out of one buffer that is overwritten",
  async (transport) => {
    const server = start({});
    const at = await listen(server, loopback4, transport);
    const size = fc.oneof(...[100, 20_000, 300_000].map((max) => fc.integer({ min: 0, max })));
    const sizes = fc.array(size, { maxLength: 200, size: "max" });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (lengths, seed) => {
        const client = await dial(at, transport);
        client.pause();
        const { from } = await server.next("stream-opened");
        const sentBefore = server.driver.counters.sent;
        const reused = Buffer.alloc(300_008);
        server.act((out) => {
          for (const [number, length] of lengths.entries()) {
            reused.writeUInt32BE(number, 0);
            reused.writeUInt32BE(length, 4);
            reused.set(pattern(length, seed + number), 8);
            out.send(1, from, reused.subarray(0, 8 + length));
          }
          out.closeStream(1, from);
        });
        const numbers = wholeWrites(await wholeOf(client), lengths, seed);
        assert.equal(numbers.length, server.driver.counters.sent - sentBefore);
        assert.deepEqual(
          numbers,
          [...new Set(numbers)].toSorted((a, b) => a - b),
        );
      }),
      { numRuns: 30 },
    );
    assert.ok((server.driver.counters.drops.get("send-queue-full") ?? 0) > 0, "some were dropped");
    await server.driver.close();
  },
);

testBoth("forward sends a head and the rest of the piece in hand", async (transport) => {
  const server = start({
    receive: (_now, port, from, _bytes, _info, out) => out.forward(port, from, text("head:"), 4, { ttl: 3 }),
  });
  const client = await dial(await listen(server, loopback4, transport), transport);
  client.write("cut kept");
  const [answer] = await once(client, "data");
  assert.equal(String(answer), "head:kept");
  client.destroy();
  await server.driver.close();
});

test("a newer connection from the same address takes the place of the older", async () => {
  const echo = start({ receive: (_now, port, from, bytes, _info, out) => out.send(port, from, bytes) });
  echo.act((out) => out.openPort(1, { transport: "tcp", family: 4, port: 0 }));
  const { port } = (await echo.next("port-opened")).local;
  // Bound before they connect: only then does the system let two sockets have one address.
  const older = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.1" });
  await once(older, "connect");
  const from = localOf(older);
  assert.equal(addressText((await echo.next("stream-opened")).local), `127.0.0.1:${port}`);
  const newer = connect({ port, host: "127.0.0.2", localAddress: "127.0.0.1", localPort: from.port });
  newer.end("newer");
  assert.deepEqual((await Promise.all([wholeOf(older), wholeOf(newer)])).map(String), ["", "newer"]);
  assert.ok(sameAddress((await echo.next("stream-opened")).from, from));
  await echo.next("stream-ended");
  await echo.next("stream-ended");
  assert.deepEqual(streamInputs(echo), ["stream-opened", "stream-ended", "stream-opened", "datagram", "stream-ended"]);
  await echo.driver.close();
});

test("a port that is closed when the older of two connections ends has no newer one", async () => {
  const server = start({
    command: (_now, command, out) => {
      if (command.type === "stream-ended") out.closePort(command.port);
    },
  });
  server.act((out) => out.openPort(1, { transport: "tcp", family: 4, port: 0 }));
  const { port } = (await server.next("port-opened")).local;
  const older = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.1" });
  const { from } = await server.next("stream-opened");
  const newer = connect({ port, host: "127.0.0.2", localAddress: "127.0.0.1", localPort: from.port });
  assert.deepEqual((await Promise.all([wholeOf(older), wholeOf(newer)])).map(String), ["", ""]);
  assert.deepEqual(streamInputs(server), ["stream-opened", "stream-ended"]);
  await server.driver.close();
});

test("hundreds of streams at once are kept apart, and the machine is never entered twice", async () => {
  const echo = start({ receive: (_now, port, from, bytes, _info, out) => out.send(port, from, bytes) });
  const at = await listen(echo, loopback4);
  const clients = Array.from({ length: 400 }, (_, number) => {
    const client = connect(at.port, ipText(at));
    client.end(`client ${number}`);
    return wholeOf(client);
  });
  const answers = await Promise.all(clients);
  for (const [number, answer] of answers.entries()) assert.equal(String(answer), `client ${number}`);
  for (let count = 0; count < 400; count++) await echo.next("stream-ended");
  assert.equal(echo.machine.deepest, 1);
  assert.equal(streamInputs(echo).length, 1_200);
  await echo.driver.close();
});

testBoth(
  "closing a port ends its streams, tells nothing of them, and frees number and port at once",
  async (transport) => {
    const server = start({});
    const at = await listen(server, loopback4, transport);
    const client = await dial(at, transport);
    await server.next("stream-opened");
    server.act((out) => {
      out.closePort(1);
      out.openPort(1, { transport, family: 4, local: at, port: at.port });
    });
    assert.equal(String(await wholeOf(client)), "");
    assert.ok(sameAddress((await server.next("port-opened")).local, at));
    const again = await dial(at, transport);
    await server.next("stream-opened");
    assert.deepEqual(streamInputs(server), ["stream-opened", "stream-opened"]);
    again.destroy();
    await server.driver.close();
  },
);

test("a port of TCP that is closed before it is open is never reported, and its number is free at once", async () => {
  const { driver, machine, act, next } = start({});
  const tcp = { transport: "tcp", family: 4, local: loopback4, port: 0 } as const;
  act((out) => {
    out.openPort(1, tcp);
    out.closePort(1);
    out.openPort(1, tcp);
    out.openPort(2, tcp);
  });
  assert.equal((await next("port-opened")).port, 1);
  assert.equal((await next("port-opened")).port, 2);
  assert.equal(machine.heard.filter((command) => command === "port-opened").length, 2);
  await driver.close();
});

test("a port of TCP in use is reported with the system's code, and its number can be used again", async () => {
  const first = start({});
  const second = start({});
  const taken = await listen(first, loopback4);
  second.act((out) => out.openPort(5, { transport: "tcp", family: 4, local: loopback4, port: taken.port }));
  assert.deepEqual(await second.next("port-failed"), { type: "port-failed", port: 5, code: "EADDRINUSE" });
  const elsewhere = address("192.0.2.1:0");
  second.act((out) => out.openPort(5, { transport: "tcp", family: 4, local: elsewhere, port: 0 }));
  assert.equal((await second.next("port-failed")).code, "EADDRNOTAVAIL");
  second.act((out) => out.openPort(5, { family: 4, local: loopback4, port: taken.port }));
  assert.ok(sameAddress((await second.next("port-opened")).local, taken), "UDP has ports of its own");
  await Promise.all([first.driver.close(), second.driver.close()]);
});

test("close ends streams, those that still have bytes to send as well, and lets the process end", async () => {
  const program = `
    import { connect } from "node:net";
    import { Driver } from "@fractal-punch/udp";
    // Not by its deadline is a closed stream to end here.
    globalThis.setTimeout = () => ({ unref() {} });
    let opened = 0;
    const command = (now, command, out) => {
      if (command.type === "clock") out.openPort(1, { transport: "tcp", family: 4, port: 0 });
      if (command.type === "port-opened") {
        for (let i = 0; i < 2; i++) connect(command.local.port, "127.0.0.1").pause().unref();
      }
      if (command.type !== "stream-opened") return;
      for (let i = 0; i < 1_000; i++) out.send(1, command.from, new Uint8Array(10_000));
      if (++opened === 1) out.closeStream(1, command.from);
      else out.emit("open");
    };
    const onEvent = async () => {
      await driver.close();
      process.stdout.write("closed");
    };
    const driver = new Driver({ receive() {}, wake() {}, nextWake: () => Infinity, command }, { onEvent });
  `;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: import.meta.dirname,
  });
  assert.equal(stdout, "closed");
});

type Receive = NonNullable<Parameters<typeof start>[0]["receive"]>;

const answerAndClose: Receive = (_now, port, from, _bytes, _info, out) => {
  out.send(port, from, text("answer"));
  out.closeStream(port, from);
};

/** The same over TCP and over TLS. */
function testBoth(name: string, run: (transport: StreamTransport, context: TestContext) => Promise<void>): void {
  for (const transport of ["tcp", "tls"] as const)
    test(`${name} (${transport.toUpperCase()})`, (context) => run(transport, context));
}

/** Opens port 1, and gives its address. */
async function listen({ act, next }: Started, local: Address, transport: StreamTransport = "tcp"): Promise<Address> {
  act((out) => out.openPort(1, { transport, family: local.family, local, port: 0 }));
  return (await next("port-opened")).local;
}

async function dial(to: Address, transport: StreamTransport = "tcp", allowHalfOpen = false): Promise<Socket> {
  const place = { port: to.port, host: ipText(to), allowHalfOpen };
  const socket = transport === "tcp" ? connect(place) : connectTls({ ...place, rejectUnauthorized: false });
  await once(socket, transport === "tcp" ? "connect" : "secureConnect");
  return socket;
}

function localOf({ localAddress = "", localPort = 0 }: Socket): Address {
  const local = addressFromIpText(localAddress, localPort);
  assert.ok(local !== undefined, "a client is bound");
  return local;
}

/** Keeps its own end open until the system over there says that nobody is left. */
async function writeUntilRefused(client: Socket): Promise<void> {
  client.on("error", () => {});
  while (!client.destroyed) {
    client.write("more");
    await turn();
  }
}

function pattern(length: number, seed: number): Buffer {
  return Buffer.alloc(length, Buffer.from(`pattern ${seed} `));
}

/** The numbers of the writes of the property, each checked to be whole. */
function wholeWrites(bytes: Buffer, lengths: readonly number[], seed: number): number[] {
  const numbers: number[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const number = bytes.readUInt32BE(offset);
    const length = bytes.readUInt32BE(offset + 4);
    assert.equal(length, lengths[number]);
    assert.ok(bytes.subarray(offset + 8, offset + 8 + length).equals(pattern(length, seed + number)));
    numbers.push(number);
    offset += 8 + length;
  }
  return numbers;
}

/** What the machine heard of streams, in order. */
function streamInputs({ machine }: Started): string[] {
  return machine.heard.filter((input) => /^datagram|^stream-(opened|ended)$/.test(input));
}
