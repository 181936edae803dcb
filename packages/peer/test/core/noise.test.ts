import assert from "node:assert/strict";
import { test } from "node:test";
import type { PeerPrimitives } from "@fractal-punch/machine";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { asciiBytes } from "@fractal-punch/wire";
import fc from "fast-check";
import NoiseState from "noise-handshake";
import { type KeyPair, readFirst, readSecond, writeFirst, writeSecond } from "../../dist/core/noise.js";

const { primitives: sodium } = await loadPrimitives();
const implementations = [
  { name: "sodium-native", primitives: sodium },
  { name: "node:crypto", primitives: nodePrimitives },
];

const secretKey = fc.uint8Array({ minLength: 32, maxLength: 32 });
const payload = fc.uint8Array({ maxLength: 900 });
const prologue = fc.uint8Array({ maxLength: 40 });
const handshake = fc.record({
  prologue,
  initiator: secretKey,
  initiatorEphemeral: secretKey,
  responder: secretKey,
  responderEphemeral: secretKey,
  first: payload,
  second: payload,
});

for (const { name, primitives } of implementations) {
  test(`the public vector of this handshake comes out to the byte with ${name}`, () => {
    const initiator = keyPair(vector.initiatorStatic);
    const responder = keyPair(vector.responderStatic);
    const about = asciiBytes("John Galt");
    const ephemeral = keyPair(vector.initiatorEphemeral);
    const first = writeFirst(primitives, about, initiator, responder.publicKey, ephemeral, hex(vector.payloads[0]));
    assert(first);
    assert.equal(text(first.message), vector.ciphertexts[0]);
    const read = readFirst(primitives, about, responder, first.message);
    assert(read);
    assert.equal(text(read.payload), vector.payloads[0]);
    assert.deepEqual(read.state.initiatorStatic, initiator.publicKey);
    const answer = writeSecond(primitives, read.state, keyPair(vector.responderEphemeral), hex(vector.payloads[1]));
    assert(answer);
    assert.equal(text(answer.message), vector.ciphertexts[1]);
    const done = readSecond(primitives, first.state, answer.message);
    assert(done);
    assert.equal(text(done.payload), vector.payloads[1]);
    assert.equal(text(sealed(primitives, done.keys.send, 0, hex(vector.payloads[2]))), vector.ciphertexts[2]);
    assert.equal(text(sealed(primitives, answer.keys.send, 0, hex(vector.payloads[3]))), vector.ciphertexts[3]);
    assert.equal(text(sealed(primitives, answer.keys.receive, 1, hex(vector.payloads[4]))), vector.ciphertexts[4]);
    assert.equal(text(sealed(primitives, done.keys.receive, 1, hex(vector.payloads[5]))), vector.ciphertexts[5]);
  });
}

test("as initiator it agrees with noise-handshake on any keys, payloads and prologue", () => {
  fc.assert(
    fc.property(handshake, (drawn) => {
      const responder = oracle("responder", drawn);
      const first = writeFirst(
        sodium,
        drawn.prologue,
        keyPair(drawn.initiator),
        keyPair(drawn.responder).publicKey,
        keyPair(drawn.initiatorEphemeral),
        drawn.first,
      );
      assert(first);
      // The oracle writes to what it is given, so it gets copies.
      assert.equal(text(responder.recv(Buffer.from(first.message))), text(drawn.first));
      const done = readSecond(sodium, first.state, responder.send(Buffer.from(drawn.second)));
      assert(done);
      assert.equal(text(done.payload), text(drawn.second));
      assert.equal(text(done.keys.send), text(responder.rx));
      assert.equal(text(done.keys.receive), text(responder.tx));
    }),
    { numRuns: 40 },
  );
});

test("as responder it agrees with noise-handshake on any keys, payloads and prologue", () => {
  fc.assert(
    fc.property(handshake, (drawn) => {
      const initiator = oracle("initiator", drawn);
      const read = readFirst(
        sodium,
        drawn.prologue,
        keyPair(drawn.responder),
        initiator.send(Buffer.from(drawn.first)),
      );
      assert(read);
      assert.equal(text(read.payload), text(drawn.first));
      assert.deepEqual(read.state.initiatorStatic, keyPair(drawn.initiator).publicKey);
      const answer = writeSecond(sodium, read.state, keyPair(drawn.responderEphemeral), drawn.second);
      assert(answer);
      assert.equal(text(initiator.recv(Buffer.from(answer.message))), text(drawn.second));
      assert.equal(text(answer.keys.send), text(initiator.rx));
      assert.equal(text(answer.keys.receive), text(initiator.tx));
    }),
    { numRuns: 40 },
  );
});

test("the two implementations of the primitives write the same messages and keys", () => {
  fc.assert(
    fc.property(handshake, (drawn) => {
      assert.deepEqual(transcript(sodium, drawn), transcript(nodePrimitives, drawn));
    }),
    { numRuns: 20 },
  );
});

test("a second message that was altered in any bit is refused, and the true one is taken after it", () => {
  const { first, second } = sample();
  for (let bit = 0; bit < 8 * second.message.length; bit++) {
    assert.equal(readSecond(sodium, first.state, flipped(second.message, bit)), undefined, `bit ${bit}`);
  }
  const done = readSecond(sodium, first.state, second.message);
  assert(done);
  assert.deepEqual(done.keys, { send: second.keys.receive, receive: second.keys.send });
});

test("a first message that was altered in any bit is refused", () => {
  const { first, responder, about } = sample();
  for (let bit = 0; bit < 8 * first.message.length; bit++) {
    // X25519 leaves the highest bit of a public key out of its computation, but the transcript does not.
    assert.equal(readFirst(sodium, about, responder, flipped(first.message, bit)), undefined, `bit ${bit}`);
  }
  assert(readFirst(sodium, about, responder, first.message));
});

test("a message of another handshake, prologue or responder is refused", () => {
  const { first, second, responder, about } = sample();
  const other = sample(90);
  assert.equal(readSecond(sodium, first.state, other.second.message), undefined);
  assert.equal(readSecond(sodium, other.first.state, second.message), undefined);
  assert.equal(readFirst(sodium, asciiBytes("fractal-punch 2"), responder, first.message), undefined);
  assert.equal(readFirst(sodium, about, other.responder, first.message), undefined);
});

test("messages of every length are refused without throwing, whole ones cut short among them", () => {
  const { first, second, responder, about } = sample();
  for (const { primitives } of implementations) {
    for (let length = 0; length < first.message.length; length++) {
      assert.equal(readFirst(primitives, about, responder, first.message.subarray(0, length)), undefined);
    }
    for (let length = 0; length < second.message.length; length++) {
      assert.equal(readSecond(primitives, first.state, second.message.subarray(0, length)), undefined);
    }
    for (let length = 0; length < 1300; length += 7) {
      const garbage = new Uint8Array(length).fill(length);
      assert.equal(readFirst(primitives, about, responder, garbage), undefined);
      assert.equal(readSecond(primitives, first.state, garbage), undefined);
    }
  }
});

test("public keys that make a shared secret zero are refused wherever one can come in", () => {
  const { first, responder, about } = sample();
  const [initiator, ephemeral] = [keyPair(fill(1)), keyPair(fill(2))];
  const read = readFirst(sodium, about, responder, first.message);
  assert(read);
  for (const { primitives } of implementations) {
    for (const zeroing of zeroingKeys) {
      assert.equal(writeFirst(primitives, about, initiator, zeroing, ephemeral, fill(0)), undefined);
      assert.equal(
        readFirst(primitives, about, responder, Uint8Array.of(...zeroing, ...first.message.subarray(32))),
        undefined,
      );
      assert.equal(readSecond(primitives, first.state, Uint8Array.of(...zeroing, ...new Uint8Array(40))), undefined);
      for (const state of [
        { ...read.state, initiatorEphemeral: zeroing },
        { ...read.state, initiatorStatic: zeroing },
      ]) {
        assert.equal(writeSecond(primitives, state, ephemeral, fill(0)), undefined);
      }
    }
  }
});

test("a client whose sealed static key makes a shared secret zero is refused", () => {
  const responder = keyPair(fill(3));
  const about = asciiBytes("fractal-punch 1");
  for (const publicKey of zeroingKeys) {
    const liar: KeyPair = { secretKey: fill(1), publicKey };
    const first = writeFirst(sodium, about, liar, responder.publicKey, keyPair(fill(2)), fill(0));
    assert(first);
    assert.equal(readFirst(sodium, about, responder, first.message), undefined);
  }
});

test("reading writes neither to the message nor to the keys", () => {
  const { first, second, responder, about } = sample();
  const before = [
    text(first.message),
    text(second.message),
    text(responder.secretKey),
    text(first.state.own.secretKey),
  ];
  readFirst(sodium, about, responder, first.message);
  readSecond(sodium, first.state, second.message);
  const after = [text(first.message), text(second.message), text(responder.secretKey), text(first.state.own.secretKey)];
  assert.deepEqual(after, before);
});

/** From the vectors of cacophony, Noise_IK_25519_ChaChaPoly_BLAKE2b: two handshake messages and four behind them. */
const vector = {
  initiatorStatic: "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
  initiatorEphemeral: "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
  responderStatic: "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
  responderEphemeral: "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
  payloads: [
    "4c756477696720766f6e204d69736573",
    "4d757272617920526f746862617264",
    "462e20412e20486179656b",
    "4361726c204d656e676572",
    "4a65616e2d426170746973746520536179",
    "457567656e2042f6686d20766f6e2042617765726b",
  ],
  ciphertexts: [
    "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944ba83a447b38c83e327ad936929812f624884847b7831e95e197b2f797088efdd2f88f1db7e1fb0e99c64419097af91cee64e470f4b6fcd9298ce0b56fe20f86e13bf70439c538e3602a7127af71a29cc",
    "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088439f069b267a06b3de3ecb1043bcb098e9af91d9c64748d998c7b47890871571",
    "cd54383060e7a28434cca27fb1cc524cfbabeb18181589df219d07",
    "a856d3bf0246bfc476c655009cd1ed677b8dcc5b349ae8ef2a05f2",
    "49063084b2c51f098337cb8a13739ac848f907e67cfb2cc8a8b60586467aa02fc7",
    "8b9709d23b47e4639df7678d7a21741eba4ef1e9c60383001c7435549c20f9d56f30e935d3",
  ],
} as const;

/** 0, 1, and the two points of order 8. */
const zeroingKeys = [
  new Uint8Array(32),
  Uint8Array.of(1, ...new Uint8Array(31)),
  hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
  hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
];

type Drawn = typeof handshake extends fc.Arbitrary<infer Value> ? Value : never;

function oracle(role: "initiator" | "responder", drawn: Drawn): NoiseState {
  const isInitiator = role === "initiator";
  const state = new NoiseState("IK", isInitiator, buffers(isInitiator ? drawn.initiator : drawn.responder));
  const remote = isInitiator ? Buffer.from(keyPair(drawn.responder).publicKey) : undefined;
  state.initialise(Buffer.from(drawn.prologue), remote);
  state.e = buffers(isInitiator ? drawn.initiatorEphemeral : drawn.responderEphemeral);
  return state;
}

function transcript(primitives: PeerPrimitives, drawn: Drawn): string[] {
  const [initiator, responder] = [keyPair(drawn.initiator), keyPair(drawn.responder)];
  const ephemeral = keyPair(drawn.initiatorEphemeral);
  const first = writeFirst(primitives, drawn.prologue, initiator, responder.publicKey, ephemeral, drawn.first);
  const read = first && readFirst(primitives, drawn.prologue, responder, first.message);
  const second = read && writeSecond(primitives, read.state, keyPair(drawn.responderEphemeral), drawn.second);
  const done = first && second && readSecond(primitives, first.state, second.message);
  assert(first && read && second && done);
  assert.deepEqual([read.payload, done.payload], [drawn.first, drawn.second]);
  assert.deepEqual(done.keys, { send: second.keys.receive, receive: second.keys.send });
  return [first.message, second.message, done.keys.send, done.keys.receive].map(text);
}

/** A handshake with fixed keys, different for each `seed`. */
function sample(seed = 10): {
  about: Uint8Array;
  responder: KeyPair;
  first: NonNullable<ReturnType<typeof writeFirst>>;
  second: NonNullable<ReturnType<typeof writeSecond>>;
} {
  const about = asciiBytes("fractal-punch 1");
  const [initiator, responder] = [keyPair(fill(seed)), keyPair(fill(seed + 1))];
  const ephemeral = keyPair(fill(seed + 2));
  const first = writeFirst(sodium, about, initiator, responder.publicKey, ephemeral, asciiBytes("hello"));
  const read = first && readFirst(sodium, about, responder, first.message);
  const second = read && writeSecond(sodium, read.state, keyPair(fill(seed + 3)), asciiBytes("welcome"));
  assert(first && second);
  return { about, responder, first, second };
}

function sealed(primitives: PeerPrimitives, key: Uint8Array, counter: number, plain: Uint8Array): Uint8Array {
  const out = new Uint8Array(plain.length + 16);
  primitives.seal(key, counter, new Uint8Array(0), plain, out);
  return out;
}

function keyPair(secret: Uint8Array | string): KeyPair {
  const bytes = typeof secret === "string" ? hex(secret) : secret;
  return { secretKey: bytes, publicKey: sodium.publicKey(bytes) };
}

function buffers(secret: Uint8Array): { publicKey: Buffer; secretKey: Buffer } {
  const pair = keyPair(secret);
  return { publicKey: Buffer.from(pair.publicKey), secretKey: Buffer.from(pair.secretKey) };
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const at = bit >> 3;
  return bytes.with(at, (bytes[at] ?? 0) ^ (1 << (bit & 7)));
}

function fill(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

function hex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, "hex"));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
