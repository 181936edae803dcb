/** Bytes that nobody of ours wrote: no machine throws, none sends to who is not a part of the session, and sessions go on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressText, equalBytes, noInfo, Recorder, sameAddress } from "@fractal-punch/machine";
import { Client, clientSession, Host, type PeerEvent } from "@fractal-punch/peer/core";
import {
  Attribute,
  concatBytes,
  fingerprintOf,
  Method,
  maxDatagramBytes,
  PacketType,
  readU16,
  StunBuilder,
  writeU16,
  writeU32,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { at, can, primitives, seededRandom } from "./test-context.ts";
import { all, invite, keyPair, serverAddress, Trio } from "./trio.ts";

type Peer = ReturnType<Trio["connect"]> | Trio["host"];

/** Strangers: one far away, one with the server's address and another port, likewise one of each peer. */
const strangers = ["198.18.0.1:5000", "192.0.2.1:9", "198.51.100.7:9", "203.0.113.9:9", "[2001:db8::9]:9"].map(at);
const serverSecond = at("192.0.2.1:3478");

/** How much of a connection's life has passed when the bytes come, in ms from the client's start. */
const moment = fc.constantFrom(0, 5, 10, 15, 20, 25, 30, 35, 40, 60, 100, 400, 1000);
const seed = fc.nat(1000);

test("bytes of any kind and length, from anywhere and at any moment, neither throw nor reach a stranger", () => {
  fc.assert(
    fc.property(seed, moment, fc.array(garbage(), { minLength: 20, maxLength: 60 }), (drawn, ms, pieces) => {
      const { trio, client } = connectingFor(drawn, ms);
      const from = [...strangers, serverAddress, serverSecond, trio.host.address, client.address];
      for (const bytes of pieces) attack([trio.host, client], from, bytes);
      assertNoStranger(trio);
      assertGoesOn(trio, client);
    }),
    { numRuns: 60 },
  );
});

test("altered and truncated copies of every datagram neither throw nor reach a stranger, nor do they end a session", () => {
  fc.assert(
    fc.property(seed, moment, fc.array(alteration(), { minLength: 20, maxLength: 60 }), (drawn, ms, alterations) => {
      const { trio, client } = connectingFor(drawn, ms);
      const seen = trio.net.log.slice();
      for (const [index, alter] of alterations.entries()) {
        const original = seen[(index * 7) % seen.length];
        assert(original);
        attack([trio.host, client], strangers, alter(original.bytes));
      }
      assertNoStranger(trio);
      assertGoesOn(trio, client);
    }),
    { numRuns: 60 },
  );
});

test("altered and truncated datagrams of server and peer, at the time of the true ones, neither throw nor reach a stranger", () => {
  fc.assert(
    fc.property(seed, fc.array(alteration(), { minLength: 30, maxLength: 30 }), (drawn, alterations) => {
      const trio = new Trio({ seed: drawn, earlyData: drawn % 2 === 0 }).begin();
      const client = trio.connect({ earlyData: "hello" });
      let count = 0;
      let busy = false;
      // Each true datagram is preceded by three false ones, which come from where it comes.
      trio.net.loses = (datagram) => {
        const node = [trio.host, client].find(({ address }) => sameAddress(address, datagram.to));
        if (!node || busy) return false;
        busy = true;
        for (let i = 0; i < 3; i++) {
          const alter = alterations[count++ % alterations.length];
          assert(alter);
          node.receive({ ...datagram, bytes: alter(datagram.bytes) });
        }
        busy = false;
        return false;
      };
      trio.net.run(2000);
      assertNoStranger(trio);
    }),
    { numRuns: 60 },
  );
});

test("whole datagrams, replayed from strangers after their time, reach no stranger but by what a knock may draw", () => {
  fc.assert(
    fc.property(seed, (drawn) => {
      const { trio, client } = connectingFor(drawn, 1000);
      const seen = trio.net.log.slice();
      for (const { bytes } of seen) attack([trio.host, client], strangers, bytes);
      for (const stranger of strangers) {
        const drawnThere = trio.net.log.filter(({ to }) => sameAddress(to, stranger));
        assert(drawnThere.length <= 3, `${drawnThere.length} datagrams to one stranger`);
      }
      assertGoesOn(trio, client);
    }),
    { numRuns: 20 },
  );
});

test("datagrams before the start, on ports that never were, and of the largest size UDP has do not throw", () => {
  const { hostTicket, clientTicket } = new Trio();
  const common = { primitives, random: seededRandom(1), servers: [serverAddress], secondPort: 3478, can };
  const host = new Host({ ...common, keyPair: keyPair(3), ticket: hostTicket, earlyData: true, invites: [invite] });
  const hostKey = keyPair(3).publicKey;
  const client = new Client({ ...common, keyPair: keyPair(4), ticket: clientTicket, invite: { hostKey, ...invite } });
  const out = new Recorder<PeerEvent>();
  fc.assert(
    fc.property(garbage(), fc.integer({ min: 0, max: 5 }), (bytes, port) => {
      for (const machine of [host, client]) machine.receive(1, port, serverAddress, bytes, noInfo, out);
    }),
  );
  for (const first of [0, 8, 9, 10, 0x40, 0xff]) {
    const largest = new Uint8Array(65_507).fill(first);
    for (const machine of [host, client]) machine.receive(1, 1, serverAddress, largest, noInfo, out);
  }
  assert.deepEqual(out.take(), []);
});

test("a host key that makes the shared secret zero gives an attempt that fails, and no exception", () => {
  const trio = new Trio().begin();
  const client = trio.net.add(
    "203.0.113.9",
    new Client({
      primitives,
      random: seededRandom(1),
      keyPair: keyPair(4),
      invite: { hostKey: new Uint8Array(32), ...invite },
      ticket: trio.clientTicket,
      servers: [serverAddress],
      secondPort: 3478,
      can,
    }),
  );
  client.command({ type: "start" });
  trio.net.run(11_000);
  assert.equal(all(client, "failed").length, 1);
  assert.equal(client.nextWake(), Infinity);
});

/** A client that has been connecting, or connected, for that long. */
function connectingFor(drawn: number, ms: number): { trio: Trio; client: ReturnType<Trio["connect"]> } {
  const trio = new Trio({ seed: drawn }).begin();
  const client = trio.connect();
  trio.net.run(ms);
  return { trio, client };
}

/** Delivers the bytes to both peers, at once, from each of these addresses. */
function attack(nodes: readonly Peer[], from: readonly Address[], bytes: Uint8Array): void {
  for (const source of from) for (const node of nodes) node.receive({ from: source, to: node.address, bytes });
}

function assertNoStranger(trio: Trio): void {
  const reached = trio.net.log.find(({ to }) => strangers.some((stranger) => sameAddress(stranger, to)));
  assert.equal(reached && addressText(reached.to), undefined);
}

/** Afterwards both directions still work, and nothing has made a second session. */
function assertGoesOn(trio: Trio, client: Peer): void {
  trio.net.run(3000);
  const [{ session } = assert.fail("no session"), ...more] = all(trio.host, "session");
  assert.equal(more.length, 0);
  const data = new Uint8Array(maxDatagramBytes).fill(7);
  client.command({ type: "send", session: clientSession, data });
  trio.host.command({ type: "send", session, data });
  trio.net.run(100);
  for (const node of [trio.host, client]) {
    assert.deepEqual(
      all(node, "data").map((event) => event.data),
      [data],
    );
  }
}

/** Bytes without sense, as far as their form allows of every kind of datagram. */
function garbage(): fc.Arbitrary<Uint8Array> {
  const rest = fc.uint8Array({ maxLength: 1300, size: "max" });
  const session = fc
    .tuple(fc.constantFrom(0x08, 0x09, 0x0a), fc.constantFrom(0, 7, 8, 31, 32, 33, 55, 56, 57, 80, 300, 1232), rest)
    .map(([type, length, bytes]) => Uint8Array.of(type, 0, 0, 0, ...bytes.subarray(0, length)));
  const channelData = fc
    .tuple(fc.integer({ min: 0x3fff, max: 0x5000 }), fc.nat(1400), rest)
    .map(([channel, length, bytes]) =>
      Uint8Array.of(channel >> 8, channel & 0xff, length >> 8, length & 0xff, 8, 0, 0, 0, ...bytes),
    );
  return fc.oneof(rest, session, channelData, stun());
}

function stun(): fc.Arbitrary<Uint8Array> {
  const type = fc.oneof(fc.constantFrom(...Object.values(Attribute)), fc.nat(0xffff));
  const attribute = fc
    .tuple(type, fc.uint8Array({ maxLength: 40 }))
    .map(([number, value]) =>
      Uint8Array.of(
        number >> 8,
        number & 0xff,
        0,
        value.length,
        ...value,
        ...new Uint8Array((4 - (value.length & 3)) & 3),
      ),
    );
  const method = fc.constantFrom(...Object.values(Method));
  return fc
    .tuple(method, fc.nat(3), fc.uint8Array({ minLength: 12, maxLength: 12 }), fc.array(attribute, { maxLength: 12 }))
    .map(([number, classBits, id, attributes]) => {
      const head = new StunBuilder().begin(0, number, id).bytes().slice();
      writeU16(head, 0, readU16(head, 0) | ((classBits & 1) << 4) | ((classBits & 2) << 7));
      return withFingerprint(concatBytes(head, ...attributes));
    });
}

/** Ways to make another datagram of a true one. */
function alteration(): fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> {
  const position = fc.nat(1300);
  const flip = fc
    .array(fc.tuple(position, fc.nat(7)), { minLength: 1, maxLength: 2 })
    .map((bits) => (bytes: Uint8Array) => {
      const altered = bytes.slice();
      for (const [place, bit] of bits)
        altered[place % bytes.length] = (altered[place % bytes.length] ?? 0) ^ (1 << bit);
      return altered;
    });
  const cut = position.map((length) => (bytes: Uint8Array) => bytes.slice(0, length % bytes.length));
  const extend = fc
    .uint8Array({ minLength: 1, maxLength: 40 })
    .map((tail) => (bytes: Uint8Array) => concatBytes(bytes, tail));
  const drop = fc.tuple(position, fc.nat(40)).map(([start, length]) => (bytes: Uint8Array) => {
    const from = start % bytes.length;
    return concatBytes(bytes.subarray(0, from), bytes.subarray(from + length + 1));
  });
  return fc.tuple(fc.oneof(flip, cut, extend, drop), fc.boolean()).map(([alter, repair]) => (bytes: Uint8Array) => {
    const altered = alter(bytes);
    // Receivers ignore these three bytes of a second message, so it would be the true one.
    if (altered[0] === PacketType.second) altered.fill(0xff, 4, 8);
    const result = repair && altered.length > 28 && (altered[0] ?? 0xff) < 4 ? repaired(altered) : altered;
    // Two flips may cancel each other, a repair may undo one, and without its channel's header a relayed packet is whole.
    const isTrue = equalBytes(result, bytes) || equalBytes(result, bytes.subarray(4));
    return isTrue ? bytes.slice(0, -1) : result;
  });
}

/** With the length and the FINGERPRINT that such a message ought to have, so that it gets further. */
function repaired(bytes: Uint8Array): Uint8Array {
  return withFingerprint(bytes.slice(0, bytes.length - 8 - (bytes.length % 4)));
}

function withFingerprint(message: Uint8Array): Uint8Array {
  const whole = concatBytes(message, Uint8Array.of(0x80, 0x28, 0, 4, 0, 0, 0, 0));
  writeU16(whole, 2, whole.length - 20);
  writeU32(whole, message.length + 4, fingerprintOf(whole, message.length));
  return whole;
}
