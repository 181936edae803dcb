import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Attribute,
  channelPaddingBytes,
  concatBytes,
  MessageClass,
  Method,
  maxStreamMessageBytes,
  StreamFrames,
  StunBuilder,
  writeChannelHeader,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { bytesOf, bytesUpTo, channel } from "./arbitraries.ts";

const stun = bytesUpTo(300).map((value) => stunBytes(value.length, value));
const channelData = fc
  .tuple(channel, fc.oneof(bytesUpTo(40), bytesUpTo(2000)))
  .map(([number, data]) => channelDataBytes(number, data));
const messages = fc.array(fc.oneof(stun, channelData), { maxLength: 12 });
/** Where a stream is cut: often within a header. */
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3000 })), {
  minLength: 1,
  maxLength: 40,
});

test("any cutting of any messages gives the same messages, each whole and without padding", () => {
  fc.assert(
    fc.property(messages, cuts, (sent, sizes) => {
      assert.deepEqual(received(pieces(concatBytes(...sent.map(padded)), sizes)), sent);
    }),
  );
});

test("any bytes give the same however they are cut, and never throw", () => {
  const garbage = fc.oneof(
    bytesUpTo(400),
    fc.tuple(messages, bytesUpTo(50)).map(([sent, behind]) => concatBytes(...sent.map(padded), behind)),
    fc.tuple(bytesOf(1), bytesUpTo(400)).map(([[kind = 0], rest]) => Uint8Array.of(kind % 4, ...rest)),
    fc.tuple(bytesOf(1), bytesUpTo(400)).map(([[kind = 0], rest]) => Uint8Array.of(0x40 + (kind % 16), 0, 0, ...rest)),
  );
  fc.assert(
    fc.property(garbage, cuts, (bytes, sizes) => {
      const whole = received([bytes]);
      assert.deepEqual(received(pieces(bytes, sizes)), whole);
      assert.deepEqual(received(pieces(bytes, [1])), whole);
    }),
    { numRuns: 300 },
  );
});

test("a message that a piece holds whole is not copied", () => {
  const sent = [stunBytes(8), channelDataBytes(0x4001, new Uint8Array(5)), stunBytes(0)];
  const piece = concatBytes(...sent.map(padded));
  const frames = new StreamFrames();
  frames.push(piece);
  for (const message of sent) {
    const given = frames.next();
    assert.ok(given instanceof Uint8Array);
    assert.equal(given.buffer, piece.buffer);
    assert.deepEqual(given, message);
  }
  assert.equal(frames.next(), undefined);
  assert.equal(frames.heldBytes, 0);
});

test("a message that came in pieces outlives them", () => {
  const sent = stunBytes(100, new Uint8Array(100).fill(5));
  const [first, second] = [sent.slice(0, 50), sent.slice(50)];
  const frames = new StreamFrames();
  frames.push(first);
  assert.equal(frames.next(), undefined);
  assert.equal(frames.heldBytes, 50);
  first.fill(0);
  frames.push(second);
  const given = frames.next();
  assert.equal(frames.heldBytes, 0);
  second.fill(0);
  assert.deepEqual(given, sent);
});

test("a length that says more than comes is waited for, and nothing behind the piece is read", () => {
  for (const message of [stunBytes(200), padded(channelDataBytes(0x4abc, new Uint8Array(201)))])
    for (let length = 0; length < message.length; length++) {
      const frames = new StreamFrames();
      frames.push(message.subarray(0, length));
      assert.equal(frames.next(), undefined, `${length} bytes`);
      assert.equal(frames.heldBytes, length);
      frames.push(new Uint8Array(0));
      assert.equal(frames.next(), undefined);
    }
});

test("ChannelData is not given before its padding has come", () => {
  const message = channelDataBytes(0x4000, Uint8Array.of(1, 2));
  const frames = new StreamFrames();
  for (const piece of [message, Uint8Array.of(0)]) {
    frames.push(piece);
    assert.equal(frames.next(), undefined);
  }
  frames.push(Uint8Array.of(0xff));
  assert.deepEqual(frames.next(), message);
});

test("the longest message is taken, and a longer one is a fault as soon as its length is there", () => {
  const longest = channelDataBytes(0x7fff, new Uint8Array(maxStreamMessageBytes - 4));
  assert.deepEqual(received(pieces(longest, [1000])), [longest]);
  const longestStun = stunBytes(maxStreamMessageBytes - 24);
  assert.deepEqual(received(pieces(longestStun, [7])), [longestStun]);
  assert.deepEqual(received([headOf("400a", maxStreamMessageBytes - 3)]), ["too-long"]);
  assert.deepEqual(received([headOf("400a", 0xffff)]), ["too-long"]);
  assert.deepEqual(received([headOf("0001", maxStreamMessageBytes - 16), Uint8Array.of(0x21, 0x12, 0xa4, 0x42)]), [
    "too-long",
  ]);
});

test("bytes that begin no message are a fault", () => {
  for (let first = 0; first < 256; first++) {
    const begins = first <= 0x03 || (first >= 0x40 && first <= 0x7f);
    assert.deepEqual(received([Uint8Array.of(first)]), begins ? [] : ["not-a-message"], `${first}`);
  }
  for (const hex of ["000100002112a443", "000100012112a442", "0001000000000000", "00010002112a4420"])
    assert.deepEqual(received([Buffer.from(hex, "hex")]), ["not-a-message"], hex);
});

test("messages before a fault are given, and none behind it, whatever else comes", () => {
  const frames = new StreamFrames();
  const good = stunBytes(4);
  frames.push(concatBytes(good, Uint8Array.of(0xff), good));
  assert.deepEqual(frames.next(), good);
  assert.equal(frames.next(), "not-a-message");
  frames.push(good);
  assert.equal(frames.next(), "not-a-message");
  assert.equal(frames.heldBytes, 0);
});

test("what is behind a message, and is none, is there whatever pieces it came in with", () => {
  const message = stunBytes(30);
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 50 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      (raw, sizes) => {
        const frames = new StreamFrames();
        const behind: Uint8Array[] = [];
        let isRaw = false;
        for (const piece of pieces(concatBytes(message, raw), sizes)) {
          if (isRaw) behind.push(piece);
          else frames.push(piece);
          if (isRaw || frames.next() === undefined) continue;
          isRaw = true;
          behind.push(frames.rest());
        }
        assert.deepEqual(concatBytes(...behind), raw);
        assert.equal(frames.next(), undefined);
      },
    ),
  );
});

test("a piece before the last one was used up is a broken invariant", () => {
  const frames = new StreamFrames();
  frames.push(concatBytes(stunBytes(0), stunBytes(0)));
  frames.next();
  assert.throws(() => frames.push(stunBytes(0)), /used up/);
});

/** What comes of pieces, the fault at the end, too. */
function received(stream: readonly Uint8Array[]): (Uint8Array | string)[] {
  const given: (Uint8Array | string)[] = [];
  const frames = new StreamFrames();
  for (const piece of stream) {
    frames.push(piece);
    for (let next = frames.next(); next !== undefined; next = frames.next()) {
      if (typeof next === "string") return [...given, next];
      given.push(next.slice());
    }
  }
  return given;
}

/** Cut into pieces of these sizes, over and over. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const cut: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += cut.at(-1)?.length ?? 1)
    cut.push(bytes.slice(at, at + (sizes[cut.length % sizes.length] ?? 1)));
  return cut;
}

function stunBytes(length: number, value: Uint8Array = new Uint8Array(length)): Uint8Array {
  const builder = new StunBuilder(maxStreamMessageBytes);
  builder.begin(MessageClass.indication, Method.send, new Uint8Array(12).fill(9));
  return builder.attribute(Attribute.data, value).bytes().slice();
}

function channelDataBytes(number: number, data: Uint8Array): Uint8Array {
  const bytes = concatBytes(new Uint8Array(4), data);
  writeChannelHeader(bytes, number, data.length);
  return bytes;
}

function padded(message: Uint8Array): Uint8Array {
  return concatBytes(message, new Uint8Array(channelPaddingBytes(message.length)));
}

function headOf(firstHex: string, length: number): Uint8Array {
  return Uint8Array.of(...Buffer.from(firstHex, "hex"), length >>> 8, length & 0xff);
}
