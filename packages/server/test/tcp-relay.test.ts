/** TCP between TURN's clients and their peers on real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type Address, addressFromText, ipText } from "@fractal-punch/machine";
import { type RunningServer, serve } from "@fractal-punch/server";
import { Attribute, connectionIdOf, errorCodeOf, Method, type StunMessage, xorAddress } from "@fractal-punch/wire";
import { StreamClient } from "./stream-client.ts";

/** Not the server's own, to which nobody is relayed. Linux has all of 127.0.0.0/8. */
const peerIp = "127.0.0.2";
const skip = process.platform !== "linux" && `this system has no ${peerIp}`;
const large = Buffer.alloc(8_000_000, "0123456789abc");

for (const transport of ["tcp", "tls"] as const) {
  test(`a client on ${transport} sends to a peer that reads slowly, is answered, and nothing is lost`, {
    skip,
  }, async (t) => {
    const running = await started(t);
    const { control } = await allocated(t, running, transport);
    const { at, accepted } = await peer(t);
    const connected = await control.ask(Method.tcpConnect, (builder) =>
      builder.xorAddress(Attribute.xorPeerAddress, at),
    );
    const far = await accepted;
    far.write("hello");
    const data = await bound(t, running, transport, connected);
    assert.equal(String((await once(data.resume(), "data"))[0]), "hello");
    data.end(large);
    assert((await slowly(far)).equals(large));
    assert.deepEqual(running.driverCounters.drops, new Map());
  });

  test(`a peer sends to a client on ${transport} that reads slowly, and nothing is lost`, { skip }, async (t) => {
    const running = await started(t);
    const { control, relayed } = await allocated(t, running, transport);
    await control.ask(Method.createPermission, (builder) =>
      builder.xorAddress(Attribute.xorPeerAddress, textAddress(`${peerIp}:1`)),
    );
    const far = connect({ port: relayed.port, host: ipText(relayed), localAddress: peerIp });
    far.end(large);
    const attempt = await control.next();
    assert.equal(attempt.method, Method.connectionAttempt);
    assert.equal(xorAddress(attempt, Attribute.xorPeerAddress)?.port, far.localPort);
    const data = await bound(t, running, transport, attempt);
    assert((await slowly(data)).equals(large));
    assert.deepEqual(running.driverCounters.drops, new Map());
  });
}

test("two clients of one server, one on TCP and one on TLS, are joined inside it, and nothing is lost", {
  skip,
}, async (t) => {
  const running = await started(t);
  const [one, other] = [await allocated(t, running, "tcp"), await allocated(t, running, "tls")];
  const permit = await other.control.ask(Method.createPermission, (builder) =>
    builder.xorAddress(Attribute.xorPeerAddress, one.relayed),
  );
  assert.equal(errorCodeOf(permit), undefined);
  const connected = await one.control.ask(Method.tcpConnect, (builder) =>
    builder.xorAddress(Attribute.xorPeerAddress, other.relayed),
  );
  const from = await bound(t, running, "tcp", connected);
  from.end(large);
  const to = await bound(t, running, "tls", await other.control.next());
  assert((await slowly(to)).equals(large));
  assert.deepEqual(running.driverCounters.drops, new Map());
});

test("a peer that refuses is 447, and the end of the control connection ends what there is", { skip }, async (t) => {
  const running = await started(t);
  const { control } = await allocated(t, running, "tcp");
  const { at, accepted, server } = await peer(t);
  const ask = () => control.ask(Method.tcpConnect, (builder) => builder.xorAddress(Attribute.xorPeerAddress, at));
  const data = await bound(t, running, "tcp", await ask());
  const far = await accepted;
  const ends = Promise.all([once(data.resume(), "close"), once(far.resume(), "close")]);
  server.close();
  control.socket.destroy();
  await ends;
  assert.deepEqual([running.sizes.allocations, running.sizes.connections], [0, 0]);
  const again = await allocated(t, running, "tcp");
  const refused = await again.control.ask(Method.tcpConnect, (builder) =>
    builder.xorAddress(Attribute.xorPeerAddress, at),
  );
  assert.equal(errorCodeOf(refused), 447);
});

async function started(t: TestContext): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), "fractal-punch-"));
  t.after(() => rm(folder, { recursive: true }));
  const running = await serve({
    stateFolder: join(folder, "state"),
    listen: ["127.0.0.1"],
    port: 0,
    secondPort: null,
    tls: { port: 0 },
    publicNames: ["127.0.0.1"],
    turn: { users: { alice: "wonderland" }, allow: [peerIp] },
    onEvent: () => {},
  });
  t.after(() => running.close());
  return running;
}

async function allocated(
  t: TestContext,
  running: RunningServer,
  transport: "tcp" | "tls",
): Promise<{ control: StreamClient; relayed: Address }> {
  const control = await dialled(t, running, transport);
  const answer = await control.ask(Method.allocate, (builder) => builder.u32(Attribute.requestedTransport, 6 << 24));
  const relayed = xorAddress(answer, Attribute.xorRelayedAddress);
  assert(relayed, `${errorCodeOf(answer)}`);
  return { control, relayed };
}

/** Another stream, which binds the connection that the message names. */
async function bound(
  t: TestContext,
  running: RunningServer,
  transport: "tcp" | "tls",
  message: StunMessage,
): Promise<Socket> {
  const id = connectionIdOf(message);
  assert(id !== undefined, `${errorCodeOf(message)}`);
  const client = await dialled(t, running, transport);
  const answer = await client.ask(Method.connectionBind, (builder) => builder.u32(Attribute.connectionId, id));
  assert.equal(errorCodeOf(answer), undefined);
  return client.socket;
}

async function dialled(t: TestContext, running: RunningServer, transport: "tcp" | "tls"): Promise<StreamClient> {
  const [at] = transport === "tcp" ? running.listeningTcp : running.listeningTls;
  assert(at);
  const client = await StreamClient.dial(at.port, transport);
  t.after(() => client.socket.destroy());
  return client;
}

async function peer(t: TestContext): Promise<{ at: Address; accepted: Promise<Socket>; server: Server }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, peerIp);
  await once(server, "listening");
  t.after(() => server.close());
  const local = server.address();
  assert(typeof local === "object" && local);
  const accepted = once(server, "connection").then(([socket]: Socket[]) => socket ?? assert.fail());
  return { at: textAddress(`${peerIp}:${local.port}`), accepted, server };
}

function textAddress(text: string): Address {
  return addressFromText(text) ?? assert.fail(text);
}

/** Reads a piece in every tenth turn of the event loop, in which more comes than that. */
async function slowly(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of socket) {
    pieces.push(piece);
    for (let turns = 0; turns < 10; turns++) await turn();
  }
  return Buffer.concat(pieces);
}
