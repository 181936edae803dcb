/** STUN and TURN over TCP: messages behind each other, the end of a stream, and streams that are none of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { defaultLimits, type ServerOptions, type StreamWord } from "@fractal-punch/server/core";
import {
  Attribute,
  concatBytes,
  encodeBinding,
  errorCodeOf,
  Method,
  maxStreamMessageBytes,
  StunBuilder,
  xorAddress,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { ask, post, strangers } from "./old-requests.ts";
import { at, load, only, type TestServer } from "./test-server.ts";
import { dataOf, minted, TurnClient, TurnServer } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const home6 = at("[2001:db8:7::7]:5000");
const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("messages on a stream are answered one by one, whatever pieces they come in", () => {
  const cutsOf = fc.array(fc.nat(500), { maxLength: 12 });
  fc.assert(
    fc.property(cutsOf, (cuts) => {
      const { server, client } = dialled();
      const bytes = concatBytes(binding(server), binding(server), client.request(Method.allocate), binding(server));
      const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const sent = edges.slice(1).flatMap((edge, i) => {
        const piece = bytes.slice(edges[i], edge);
        return piece.length === 0 ? [] : server.write(home, piece);
      });
      assert.deepEqual(
        sent.map(({ port, to, bytes: answer }) => [port, addressText(to), errorCodeOf(load(answer))]),
        [undefined, undefined, 438, undefined].map((code) => [server.tcpPort, "203.0.113.7:5000", code]),
      );
    }),
    { numRuns: 200 },
  );
});

test("a client on TCP is told the address that its stream comes from, over IPv6 too", () => {
  const server = new TurnServer();
  for (const [from, port] of [
    [home, server.tcpPort],
    [home6, server.tcpPort + 1],
  ] as const) {
    server.dial(from, port);
    const answer = load(only(server.write(from, binding(server), port), from));
    assert.deepEqual(xorAddress(answer, Attribute.xorMappedAddress), from);
    const client = new TurnClient(server, from, minted("bob"), undefined, port);
    assert.equal(errorCodeOf(client.allocate()), undefined);
  }
});

test("Bindings that somebody forges over UDP do not keep a network's clients from asking over TCP", () => {
  const { server } = dialled();
  for (let i = 0; i < defaultLimits.bindingRate.burst; i++) server.receive(at("203.0.113.66:5000"), binding(server));
  assert.deepEqual(server.receive(at("203.0.113.66:5000"), binding(server)), []);
  assert.equal(server.write(home, binding(server)).length, 1);
});

test("data goes to peers over UDP, and ChannelData on the stream is padded to 4 bytes both ways", () => {
  const { server, client } = dialled();
  const relayed = client.relayed();
  client.permit(peer);
  const [sent] = client.send(peer, data);
  assert.deepEqual([sent?.to, sent?.bytes], [peer, data]);
  const [indication] = server.fromPeer(peer, relayed, data);
  assert.deepEqual([indication?.port, indication?.to], [server.tcpPort, home]);
  assert.deepEqual(dataOf(indication?.bytes ?? data), { peer, data });
  client.bind(0x7fff, peer);
  for (let length = 0; length <= 9; length++) {
    const payload = new Uint8Array(length).fill(7);
    const padding = new Uint8Array((4 - (length % 4)) % 4);
    const framed = Uint8Array.of(0x7f, 0xff, 0, length, ...payload, ...padding);
    assert.deepEqual(
      server.write(home, concatBytes(framed, framed)).map(({ bytes }) => bytes),
      [payload, payload],
    );
    assert.deepEqual(
      server.fromPeer(peer, relayed, payload).map(({ bytes }) => bytes),
      [framed],
    );
  }
});

test("clients on TCP and on UDP reach each other by their relayed addresses, each in its own form", () => {
  const { server, client: one } = dialled();
  const other = new TurnClient(server, home);
  const [first, second] = [one.relayed(), other.relayed()];
  one.bind(0x4001, second);
  other.bind(0x4002, first);
  const [over] = server.write(home, Uint8Array.of(0x40, 0x01, 0, 5, ...data, 0, 0, 0));
  assert.deepEqual([over?.port, over?.bytes], [0, Uint8Array.of(0x40, 0x02, 0, 5, ...data)]);
  const [back] = other.channelData(0x4002, data);
  assert.deepEqual([back?.port, back?.bytes], [server.tcpPort, Uint8Array.of(0x40, 0x01, 0, 5, ...data, 0, 0, 0)]);
});

test("an allocation ends with its stream: its relay port closes, and the address may allocate anew", () => {
  const { server, client } = dialled();
  client.relayed();
  assert.equal(server.relays.size, 1);
  server.hangUp(home);
  assertNothingLeft(server);
  server.dial(home);
  assert.equal(
    errorCodeOf(new TurnClient(server, home, minted("eve"), undefined, server.tcpPort).allocate()),
    undefined,
  );
});

test("a stream that ends while its relay port is being opened leaves nothing", () => {
  const { server, client } = dialled();
  client.challenge();
  const { driver } = server;
  const opening: number[] = [];
  const closed: number[] = [];
  server.driver = {
    open: (port) => void opening.push(port),
    close: (port) => void closed.push(port),
  };
  assert.throws(() => client.allocate(), /datagrams to/, "the answer waits for the port");
  assert.equal(opening.length, 1);
  server.hangUp(home);
  assert.deepEqual(closed, opening);
  assertNothingLeft(server);
  server.driver = driver;
  server.dial(home);
  assert.equal(errorCodeOf(client.allocate()), undefined);
});

test("a stream that goes on in what is no message is closed, and its allocation ends", () => {
  const { server, client } = dialled();
  client.relayed();
  const answers = server.write(home, concatBytes(binding(server), Uint8Array.of(0x80, 1, 2, 3), binding(server)));
  assert.equal(answers.length, 1, "what came before is answered");
  assert.deepEqual(server.closed, ["203.0.113.7:5000"]);
  assert.equal(countOf(server, "not-a-message"), 1);
  assertNothingLeft(server);
});

test("a stream that has asked is closed when it says nothing whole for streamIdleMs", () => {
  const { server } = dialled();
  const other = at("203.0.113.8:5000");
  server.dial(other);
  for (const from of [home, other]) server.write(from, binding(server));
  server.pass(defaultLimits.streamIdleMs - 1);
  assert.deepEqual(server.closed, []);
  server.write(home, binding(server));
  server.write(other, binding(server).subarray(0, 19));
  server.pass(1);
  assert.deepEqual(server.closed, ["203.0.113.8:5000"]);
  server.pass(defaultLimits.streamIdleMs);
  assert.deepEqual(server.closed.slice(1), ["203.0.113.7:5000"]);
  assert.deepEqual([countOf(server, "unfinished"), countOf(server, "idle")], [1, 1]);
  assertNothingLeft(server);
});

test("a stream with an allocation may be silent as long as that lives, and then as long as any other", () => {
  const { server, client } = dialled();
  client.relayed();
  assert.equal(client.permit(peer), undefined);
  server.pass(599_999);
  assert.equal(server.server.sizes.allocations, 1);
  server.pass(defaultLimits.streamIdleMs);
  assert.deepEqual([server.server.sizes.allocations, server.closed.length], [0, 0]);
  server.pass(1);
  assert.deepEqual(server.closed, ["203.0.113.7:5000"]);
  assertNothingLeft(server);
});

test("a stream whose allocation has ended is as any other: whole messages renew it, and long ones end it", () => {
  const { server, client } = dialled();
  client.relayed();
  client.refresh(0);
  server.pass(defaultLimits.streamIdleMs - 1);
  server.write(home, binding(server));
  server.pass(defaultLimits.streamIdleMs - 1);
  assert.deepEqual(server.closed, []);
  assert.deepEqual(client.channelData(0x4001, new Uint8Array(2000)), []);
  assert.equal(countOf(server, "too-long"), 1);
  assertNothingLeft(server);
});

test("an Allocate that is refused leaves its stream as idle as it was", () => {
  const { server, client } = dialled();
  server.failure = () => "EADDRINUSE";
  assert.equal(errorCodeOf(client.allocate()), 508);
  server.pass(defaultLimits.streamIdleMs);
  assertNothingLeft(server);
});

test("a first message that is not whole has streamRequestMs, however many bytes it announces", () => {
  const { server } = dialled();
  const begun = [binding(server).subarray(0, 19), Uint8Array.of(0, 1, 0x3f, 0), Uint8Array.of(0, 1)];
  for (const [i, bytes] of begun.entries()) {
    server.dial(at(`203.0.113.8:${i + 1}`));
    server.write(at(`203.0.113.8:${i + 1}`), bytes);
  }
  server.pass(defaultLimits.streamRequestMs);
  assert.deepEqual([countOf(server, "unfinished"), countOf(server, "silent"), server.closed.length], [3, 1, 4]);
  assertNothingLeft(server);
});

test("streams that begin with what is no STUN message are closed at once", () => {
  const starts: Record<string, StreamWord> = {
    [hexOf("GET / HTTP/1.1\r\n\r\n")]: "not-ours",
    "1603010200010001fc0303": "not-ours",
    "4001000401020304": "not-ours",
    "000100002112a443": "not-a-message",
    "000100022112a442": "not-a-message",
    "0001fffc2112a442": "too-long",
    "000104c02112a442": "too-long",
  };
  for (const [hex, word] of Object.entries(starts)) {
    const { server } = dialled();
    assert.deepEqual(server.write(home, Buffer.from(hex, "hex")), [], hex);
    assert.deepEqual([server.closed, countOf(server, word)], [["203.0.113.7:5000"], 1], hex);
    assertNothingLeft(server);
  }
});

test("the largest message of a stream is relayed, and a longer one ends it", () => {
  const { server, client } = dialled();
  client.relayed();
  client.bind(0x4001, peer);
  const largest = new Uint8Array(maxStreamMessageBytes - 4).fill(9);
  assert.deepEqual(client.channelData(0x4001, largest)[0]?.bytes, largest);
  assert.deepEqual(client.channelData(0x4001, new Uint8Array(maxStreamMessageBytes)), []);
  assert.equal(countOf(server, "too-long"), 1);
  assertNothingLeft(server);
});

test("in a full table a stream that has asked goes for a newcomer, one with an allocation stays", () => {
  const { server, client } = dialled({ limits: { streams: 3 } });
  client.relayed();
  const [idle, silent, newcomer, another, last] = strangers(5);
  assert(idle && silent && newcomer && another && last);
  server.dial(idle);
  server.write(idle, binding(server));
  for (const from of [silent, newcomer]) server.dial(from);
  assert.deepEqual(server.closed, [addressText(silent)], "first who has asked nothing");
  server.write(newcomer, binding(server));
  server.dial(another);
  server.write(another, binding(server));
  server.dial(last);
  assert.deepEqual(server.closed.slice(1), [addressText(idle), addressText(newcomer)]);
  assert.equal(server.server.sizes.allocations, 1);
});

test("streamsPerAddress holds for a whole /64 of IPv6", () => {
  const server = new TurnServer({ limits: { streamsPerAddress: 2 } });
  for (const text of ["[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::3]:1", "[2001:db8:0:1::1]:1"])
    server.dial(at(text), server.tcpPort + 1);
  assert.deepEqual(server.closed, ["[2001:db8::3]:1"]);
});

test("a classic request over TCP and IPv6 is counted, and its stream closed", () => {
  const server = new TurnServer();
  for (const request of [post(7), ask("203.0.113.5", 7)]) {
    server.dial(home6, server.tcpPort + 1);
    assert.deepEqual(server.write(home6, request, server.tcpPort + 1), []);
  }
  assert.equal(server.server.counters.classic.of("ip6"), 2);
  assert.equal(server.closed.length, 2);
  assertNothingLeft(server);
});

test("without the classic protocols TCP is for STUN and TURN alone", () => {
  const { server, client } = dialled({ classic: false });
  const old = at("203.0.113.8:5000");
  server.dial(old);
  assert.deepEqual(server.write(old, post(7)), []);
  assert.deepEqual([server.closed, countOf(server, "not-ours")], [["203.0.113.8:5000"], 1]);
  assert.equal(errorCodeOf(client.allocate()), undefined);
});

test("whatever a stream says in whatever pieces, its deadline passes and nothing is left", () => {
  const { server: source, client: sample } = dialled();
  const whole = [binding(source), sample.request(Method.allocate), Uint8Array.of(0x40, 1, 0, 2, 1, 2, 0, 0), post(7)];
  const part = fc.oneof(fc.constantFrom(...whole), fc.uint8Array({ minLength: 1, maxLength: 40 }));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 64 }), (parts, size) => {
      const { server } = dialled();
      const bytes = concatBytes(...parts);
      for (let start = 0; start < bytes.length; start += size) server.write(home, bytes.slice(start, start + size));
      server.pass(defaultLimits.streamIdleMs + defaultLimits.streamRequestMs);
      assertNothingLeft(server);
    }),
    { numRuns: 500 },
  );
});

/** A server, and a client on a stream to it. */
function dialled(options: Partial<ServerOptions> = {}): { server: TurnServer; client: TurnClient } {
  const server = new TurnServer(options);
  server.dial(home);
  return { server, client: new TurnClient(server, home, minted("bob"), undefined, server.tcpPort) };
}

function binding(server: TestServer): Uint8Array {
  return encodeBinding(new StunBuilder(), server.transactionId(), false).slice();
}

function hexOf(characters: string): string {
  return Buffer.from(characters, "latin1").toString("hex");
}

function countOf({ server }: TestServer, word: StreamWord): number {
  return server.counters.streams.of(word);
}

function assertNothingLeft({ server, relays }: TurnServer): void {
  const { streams, allocations, tuples, accounts, classic } = server.sizes;
  assert.deepEqual([streams, allocations, tuples, accounts, classic, relays.size], [0, 0, 0, 0, 0, 0]);
}
