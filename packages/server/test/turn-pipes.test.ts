/** What goes through connections of RFC 6062: no faster than the other end takes it, and nothing is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressText } from "@fractal-punch/machine";
import { concatBytes } from "@fractal-punch/wire";
import fc from "fast-check";
import { at, errorTo, only } from "./test-server.ts";
import { attemptOf, idOf, TcpTurnClient, TcpTurnServer } from "./test-tcp-turn.ts";
import { minted } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const dataHome = at("203.0.113.7:5001");
const away = at("203.0.113.8:5000");
const dataAway = at("203.0.113.8:5001");
const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("two clients of one server connect inside it, and each is told the other's relayed address", () => {
  const { server, one, other } = pair();
  assert.equal(errorTo(one.connect(other.relayedAddress), home), 447, "the other has not permitted it");
  assert.equal(other.permit(one.relayedAddress), undefined);
  const sent = one.connect(other.relayedAddress);
  const id = idOf(only(sent, home));
  const attempt = attemptOf(only(sent, away));
  assert.deepEqual([attempt.peer, server.dials.size], [one.relayedAddress, 0]);
  assert.equal(errorTo(other.connect(one.relayedAddress), away), 446, "it is the same connection");
  one.bindConnection(id, dataHome);
  assert.deepEqual(server.write(dataHome, data), [], "nobody is there to take it");
  const [answer, early] = other.bindConnection(attempt.id, dataAway);
  assert.deepEqual([answer?.to, early?.to, early?.bytes], [dataAway, dataAway, data]);
  assert.deepEqual(server.write(dataAway, data)[0]?.to, dataHome);
  assert.equal(server.server.sizes.connections, 2);
  server.ended(server.tcpPort, dataAway);
  assert.deepEqual([server.closed, server.server.sizes.connections], [[addressText(dataHome)], 0]);
});

test("of a connection inside the server both accounts pay, and either client's end ends it", () => {
  const { server, one, other, bind } = pair(10_000);
  other.permit(one.relayedAddress);
  bind();
  for (let i = 0; i < 10; i++) server.write(dataHome, new Uint8Array(1000));
  assert.equal(server.server.sizes.connections, 2);
  server.write(dataAway, data);
  assert.equal(server.server.sizes.connections, 0, "10,000 bytes are all that either may");
  assert.equal(server.server.counters.dropped.of("no-credit"), 1);
  bind();
  other.refresh(0);
  assert.deepEqual([server.server.sizes.connections, server.server.sizes.allocations], [0, 1]);
});

test("an end that takes no more holds the other one until all has left", () => {
  const { server, port } = bound();
  const full = (isFull: boolean, on: number, from: Address): void =>
    server.tell({ type: "stream-full", port: on, from, isFull });
  full(true, port, peer);
  assert.deepEqual([...server.held], [`${server.tcpPort} ${addressText(dataHome)}`]);
  full(true, server.tcpPort, dataHome);
  assert.equal(server.held.size, 2);
  full(false, port, peer);
  assert.deepEqual([...server.held], [`${port} ${addressText(peer)}`]);
  full(false, server.tcpPort, dataHome);
  assert.equal(server.held.size, 0);
  full(true, server.tcpPort, home);
  full(true, 0, home);
  assert.equal(server.held.size, 0, "news of other streams concern none");
});

test("bytes beyond relayBytesPerSecond are relayed, and the connection is held for as long as they take", () => {
  const { server, port } = bound({ relayBytesPerSecond: 10_000 });
  assert.equal(server.write(dataHome, new Uint8Array(10_000)).length, 1);
  assert.deepEqual([...server.held], [], "a second may be saved up");
  assert.equal(server.receive(peer, new Uint8Array(5_000), port).length, 1);
  assert.equal(server.held.size, 2);
  server.pass(499);
  assert.equal(server.held.size, 2);
  server.pass(2);
  assert.equal(server.held.size, 0);
});

test("relayBytes ends the connections of a user who has used them up", () => {
  const { server } = bound({ relayBytes: 10_000 });
  assert.equal(server.write(dataHome, new Uint8Array(10_000)).length, 1);
  assert.deepEqual(server.write(dataHome, data), []);
  assert.deepEqual(server.closed, [addressText(dataHome), addressText(peer)]);
});

test("what comes before the other end is there is kept, up to 65,536 bytes, and more ends the connection", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  const { id, port } = client.connected(peer);
  const pieces = [new Uint8Array(65_535).fill(1), Uint8Array.of(2)];
  for (const piece of pieces) assert.deepEqual(server.receive(peer, piece, port), []);
  const sent = client.bindConnection(id, dataHome);
  assert.deepEqual(sent[1]?.bytes, concatBytes(...pieces));
  const later = client.connected(at("198.51.100.9:7001"));
  server.receive(at("198.51.100.9:7001"), new Uint8Array(65_537), later.port);
  assert.deepEqual([server.server.sizes.connections, server.server.counters.dropped.of("too-early")], [1, 1]);
});

test("whatever happens in whatever order, what arrives is a beginning of what was sent, whole as long as both live", () => {
  const step = fc.record({
    kind: fc.constantFrom("write", "write", "write", "answer", "answer", "full", "bind", "bind other", "pass", "end"),
    length: fc.integer({ min: 1, max: 3_000 }),
    isFull: fc.boolean(),
    ms: fc.constantFrom(1, 100, 10_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, isInside) => {
      const run = new Run(isInside);
      for (const one of steps) run.act(one);
      run.check();
    }),
    { numRuns: 500 },
  );
});

/** Two clients, each with an allocation, and a way to bind a connection from the one to the other. */
function pair(relayBytes: number = Infinity) {
  const server = new TcpTurnServer({ limits: { relayBytes } });
  const one = new TcpTurnClient(server, home);
  const other = new TcpTurnClient(server, away, minted("carol"));
  const bind = (): void => {
    const sent = one.connect(other.relayedAddress);
    one.bindConnection(idOf(only(sent, home)), dataHome);
    other.bindConnection(attemptOf(only(sent, away)).id, dataAway);
  };
  return { server, one, other, bind };
}

function bound(limits: { relayBytes?: number; relayBytesPerSecond?: number } = {}) {
  const server = new TcpTurnServer({ limits });
  const client = new TcpTurnClient(server, home);
  const { id, port } = client.connected(peer);
  client.bindConnection(id, dataHome);
  return { server, client, port };
}

interface Stream {
  readonly port: number;
  readonly from: Address;
  sent: Uint8Array;
  received: Uint8Array;
}

interface Step {
  readonly kind: string;
  readonly length: number;
  readonly isFull: boolean;
  readonly ms: number;
}

/** One connection, to a peer or inside, and what went through it. A stream that is held sends nothing. */
class Run {
  readonly server: TcpTurnServer;
  readonly #bind: (which: 0 | 1) => void;
  readonly #streams: [Stream | undefined, Stream | undefined] = [undefined, undefined];
  #count = 0;
  #isOver = false;

  constructor(isInside: boolean) {
    const { server, one, other } = pair();
    this.server = server;
    other.permit(one.relayedAddress);
    const reached = isInside ? undefined : one.connected(peer);
    const sent = isInside ? one.connect(other.relayedAddress) : [];
    const ids = isInside ? [idOf(only(sent, home)), attemptOf(only(sent, away)).id] : [reached?.id];
    if (reached)
      this.#streams[1] = { port: reached.port, from: peer, sent: new Uint8Array(0), received: new Uint8Array(0) };
    this.#bind = (which) => {
      const id = ids[which];
      if (id === undefined || this.#streams[which] !== undefined || this.#isOver) return;
      const from = which === 0 ? dataHome : dataAway;
      const stream = { port: server.tcpPort, from, sent: new Uint8Array(0), received: new Uint8Array(0) };
      this.#streams[which] = stream;
      this.#take((which === 0 ? one : other).bindConnection(id, from).slice(1));
    };
  }

  act({ kind, length, isFull, ms }: Step): void {
    if (kind === "bind") this.#bind(0);
    if (kind === "bind other") this.#bind(1);
    if (kind === "write") this.#write(this.#streams[0], length);
    if (kind === "answer") this.#write(this.#streams[1], length);
    if (kind === "pass") this.#take(this.server.pass(ms));
    const stream = this.#streams[isFull ? 0 : 1];
    if (kind === "full" && stream && !this.#isOver)
      this.server.tell({ type: "stream-full", port: stream.port, from: stream.from, isFull: length % 2 === 0 });
    if (kind === "end" && stream && !this.#isOver && length < 300) this.server.ended(stream.port, stream.from);
    this.#isOver = this.server.server.sizes.connections === 0;
  }

  check(): void {
    const [one, other] = this.#streams;
    for (const [from, to] of [
      [one, other],
      [other, one],
    ]) {
      const received = to?.received ?? new Uint8Array(0);
      const sent = from?.sent ?? new Uint8Array(0);
      assert.deepEqual(received, sent.slice(0, received.length));
      if (!this.#isOver && one && other) assert.equal(received.length, sent.length);
    }
  }

  #write(stream: Stream | undefined, length: number): void {
    if (stream === undefined || this.#isOver) return;
    if (this.server.held.has(`${stream.port} ${addressText(stream.from)}`)) return;
    const piece = Uint8Array.from({ length }, () => this.#count++ & 0xff);
    stream.sent = concatBytes(stream.sent, piece);
    this.#take(this.server.receive(stream.from, piece, stream.port));
  }

  #take(sent: ReturnType<TcpTurnServer["pass"]>): void {
    for (const { port, to, bytes } of sent) {
      const stream = this.#streams.find((one) => one?.port === port && addressText(one.from) === addressText(to));
      if (stream) stream.received = concatBytes(stream.received, bytes);
    }
  }
}
