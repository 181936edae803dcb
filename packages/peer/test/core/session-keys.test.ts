import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { encodeFrame, readSealedHeader, sealedOverhead } from "@fractal-punch/wire";
import fc from "fast-check";
import { PacketArena } from "../../dist/core/packet-arena.js";
import { dataIn, SessionKeys, sealedHeader } from "../../dist/core/session-keys.js";

test("what one end seals the other opens, in both directions, under the index that the receiver gave out", () => {
  const [client, host] = pair();
  for (const [sender, receiver, index] of [
    [client, host, 22],
    [host, client, 11],
  ] as const) {
    const packet = sealed(sender, "hello");
    const header = readSealedHeader(packet);
    assert(header);
    assert.deepEqual(header, { index, counter: 0 });
    assert.equal(opened(sender, packet), undefined, "not under the keys of the other direction");
    assert.deepEqual(opened(receiver, packet), frameOf("hello"));
  }
});

test("counters start at 0 and never repeat, so that no two packets are sealed with one nonce", () => {
  const [client] = pair();
  const counters = Array.from({ length: 2000 }, () => readSealedHeader(sealed(client, "x"))?.counter);
  assert.deepEqual(
    counters,
    Array.from({ length: 2000 }, (_, index) => index),
  );
});

test("a sealed packet has room for a channel's header before it, and is 32 bytes longer than its frame", () => {
  const [client] = pair();
  const packet = client.seal(new Uint8Array(1196), new PacketArena());
  assert.equal(packet.length, 4 + sealedOverhead + 1196);
  assert.deepEqual(packet.subarray(0, 4), new Uint8Array(4));
});

test("packets open in any order within the window, each of them once", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(Array.from({ length: 60 }, (_, index) => index)), (order) => {
      const [client, host] = pair();
      const packets = Array.from({ length: 60 }, (_, index) => sealed(client, String(index)));
      for (const index of order) assert.deepEqual(opened(host, packets[index]), frameOf(String(index)));
      for (const index of order) assert.equal(opened(host, packets[index]), undefined, "a replay");
    }),
    { numRuns: 20 },
  );
});

test("a packet altered in any bit is refused, and its forgery shuts out no true one", () => {
  const [client, host] = pair();
  const packet = sealed(client, "hello");
  for (let bit = 0; bit < 8 * packet.length; bit++) {
    assert.equal(opened(host, flipped(packet, bit)), undefined, `bit ${bit}`);
  }
  assert.deepEqual(opened(host, packet), frameOf("hello"));
});

test("a forged packet with a high counter does not move the window", () => {
  const [client, host] = pair();
  const first = sealed(client, "first");
  const forged = first.slice();
  new DataView(forged.buffer).setBigUint64(8, 2n ** 50n);
  assert.equal(opened(host, forged), undefined);
  assert.deepEqual(opened(host, first), frameOf("first"));
});

test("a packet that 8,192 newer ones have overtaken is refused", () => {
  const [client, host] = pair();
  const packets = Array.from({ length: 8194 }, () => sealed(client, "x"));
  assert(opened(host, packets[8192]));
  assert(opened(host, packets[1]), "the oldest that the window holds");
  assert.equal(opened(host, packets[0]), undefined);
});

test("bytes of any length are refused without throwing", () => {
  const [, host] = pair();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1500, size: "max" }), (bytes) => {
      bytes.set(Uint8Array.of(8, 0, 0, 0).subarray(0, bytes.length));
      assert.equal(opened(host, bytes), undefined);
    }),
  );
  assert(sealedHeader(longest()));
  assert.equal(sealedHeader(Uint8Array.of(...longest(), 0)), undefined, "no datagram of ours is that long");
});

test("an arena takes packets of any length one after the other, and a datagram is sealed as a frame with it is", () => {
  const [client, host] = pair();
  const arena = new PacketArena();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1439, size: "max" }), (data) => {
      const frame = encodeFrame({ kind: "data", data });
      assert.deepEqual(opened(host, client.sealData(data, arena).slice(4)), frame);
      const packet = client.seal(frame, arena).slice(4);
      assert.equal(packet.length, frame.length + sealedOverhead);
      const again = opened(host, packet);
      assert(again);
      assert.deepEqual(dataIn(again), data);
    }),
  );
  assert.equal(dataIn(encodeFrame({ kind: "nothing" })), undefined);
});

test("keys seal for three minutes", () => {
  const [client] = pair(5000);
  assert.equal(client.canSeal(5000 + 179_999), true);
  assert.equal(client.canSeal(5000 + 180_000), false);
});

function pair(now = 0): [client: SessionKeys, host: SessionKeys] {
  const [first, second] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  return [
    new SessionKeys(nodePrimitives, { send: first, receive: second }, 11, 22, now),
    new SessionKeys(nodePrimitives, { send: second, receive: first }, 22, 11, now),
  ];
}

function sealed(keys: SessionKeys, text: string): Uint8Array {
  return keys.seal(frameOf(text), new PacketArena()).slice(4);
}

/** A copy, since packets are opened in their place. */
function opened(keys: SessionKeys, packet: Uint8Array | undefined): Uint8Array | undefined {
  assert(packet);
  const header = sealedHeader(packet);
  return header && keys.open(packet.slice(), header);
}

function frameOf(text: string): Uint8Array {
  return Uint8Array.of(1, ...new TextEncoder().encode(text));
}

function longest(): Uint8Array {
  return Uint8Array.of(8, ...new Uint8Array(1471));
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const at = bit >> 3;
  return bytes.with(at, (bytes[at] ?? 0) ^ (1 << (bit & 7)));
}
