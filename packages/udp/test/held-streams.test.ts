/** Streams that a machine holds, and those that are full. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { type Address, ipText, sameAddress } from "@fractal-punch/machine";
import { makeCertificate } from "./test-certificates.ts";
import { address, loopback4, type Started, start } from "./test-machine.ts";

const identity = makeCertificate("far.example");

testBoth(
  "of a stream that is held nothing comes, neither bytes nor its end, until it is held no more",
  async (transport) => {
    const pieces: string[] = [];
    const server = start({
      receive: (_now, _port, _from, bytes) => void pieces.push(Buffer.from(bytes).toString()),
      command: (_now, command, out) => {
        if (command.type === "stream-opened") out.holdStream(1, command.from, true);
      },
    });
    const at = await listen(server, transport);
    const client = dial(at, transport);
    client.end("held back");
    const { from } = await server.next("stream-opened");
    // Another stream comes and goes meanwhile: what the first one sent has long arrived.
    const other = dial(at, transport);
    await server.next("stream-opened");
    other.destroy();
    await once(other, "close");
    assert.deepEqual(pieces, []);
    server.act((out) => out.holdStream(1, from, false));
    await endOf(server, from);
    assert.deepEqual(pieces, ["held back"]);
    await server.driver.close();
  },
);

testBoth("a held stream slows its far end down, whose bytes all come in the end", async (transport) => {
  let received = 0;
  const server = start({
    receive: (_now, _port, _from, bytes) => void (received += bytes.length),
    command: (_now, command, out) => {
      if (command.type === "stream-opened") out.holdStream(1, command.from, true);
    },
  });
  const at = await listen(server, transport);
  const client = dial(at, transport);
  const { from } = await server.next("stream-opened");
  const sent = Buffer.alloc(32 * 1024 * 1024);
  assert.equal(client.write(sent), false);
  client.end();
  const other = dial(at, transport);
  await server.next("stream-opened");
  other.destroy();
  assert.ok(client.writableLength > 0, "the system does not take it all");
  assert.equal(received, 0);
  server.act((out) => out.holdStream(1, from, false));
  await endOf(server, from);
  assert.equal(received, sent.length);
  await server.driver.close();
});

testBoth("a stream that is closed while it is held takes the rest, and its answer arrives", async (transport) => {
  const server = start({
    command: (_now, command, out) => {
      if (command.type !== "stream-opened") return;
      out.holdStream(1, command.from, true);
      out.send(1, command.from, Buffer.from("answer"));
      out.closeStream(1, command.from);
    },
  });
  const at = await listen(server, transport);
  const client = dial(at, transport);
  client.write(Buffer.alloc(100_000));
  assert.equal(String((await once(client, "data"))[0]), "answer");
  await once(client, "end");
  await server.driver.close();
});

testBoth("two streams that hold each other while they are full lose nothing, whoever reads late", async (transport) => {
  const far = (transport === "tcp" ? createServer() : createTlsServer(identity)).listen(0, "127.0.0.1");
  await once(far, "listening");
  const ends = new Map<number, Address>();
  const relay = start({
    receive: (_now, port, _from, bytes, _info, out) => {
      const to = ends.get(3 - port);
      if (to !== undefined) out.send(3 - port, to, bytes);
    },
    command: (_now, command, out) => {
      if (command.type === "stream-opened") {
        ends.set(command.port, command.from);
        for (const [port, from] of ends) out.holdStream(port, from, ends.size < 2);
      }
      const source = command.type === "stream-full" ? ends.get(3 - command.port) : undefined;
      if (command.type === "stream-full" && source) out.holdStream(3 - command.port, source, command.isFull);
      if (command.type === "stream-ended" && command.port === 1) out.closeStream(2, ends.get(2) ?? command.from);
    },
  });
  const at = await listen(relay, transport);
  const accepted: Promise<Socket[]> = once(far, transport === "tcp" ? "connection" : "secureConnection");
  relay.act((out) => out.openPort(2, { transport, family: 4, port: 0, remote: addressOf(far) }));
  const [reader] = await accepted;
  assert.ok(reader);
  reader.pause();
  const sent = Buffer.alloc(20_000_000, "0123456789abc");
  dial(at, transport).end(sent);
  assert.equal((await relay.next("stream-full")).port, 2);
  const pieces: Buffer[] = [];
  reader.on("data", (piece: Buffer) => pieces.push(piece)).resume();
  await once(reader, "end");
  assert.ok(Buffer.concat(pieces).equals(sent));
  assert.deepEqual(relay.driver.counters.drops, new Map());
  await relay.driver.close();
  far.close();
});

/** The same over TCP and over TLS. */
function testBoth(name: string, run: (transport: "tcp" | "tls") => Promise<void>): void {
  for (const transport of ["tcp", "tls"] as const) test(`${name} (${transport.toUpperCase()})`, () => run(transport));
}

function dial(to: Address, transport: "tcp" | "tls"): Socket {
  const place = { port: to.port, host: ipText(to) };
  return transport === "tcp" ? connect(place) : connectTls({ ...place, rejectUnauthorized: false });
}

async function listen({ act, next }: Started, transport: "tcp" | "tls"): Promise<Address> {
  act((out) => out.openPort(1, { transport, family: 4, local: loopback4, port: 0 }));
  return (await next("port-opened")).local;
}

async function endOf({ next }: Started, from: Address): Promise<void> {
  while (!sameAddress((await next("stream-ended")).from, from));
}

function addressOf(server: Server): Address {
  const bound = server.address();
  assert.ok(typeof bound === "object" && bound);
  return address(`127.0.0.1:${bound.port}`);
}
