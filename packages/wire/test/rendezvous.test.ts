import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  integrityMatches,
  macMatches,
  maxPayloadBytes,
  type Signature,
  StunBuilder,
  StunMessage,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { bytesOf } from "./arbitraries.ts";
import { type Sample, samples } from "./messages.ts";

for (const [name, sample] of Object.entries(samples)) {
  test(`${name} is read as it was written`, () => {
    fc.assert(
      fc.property(sample, bytesOf(12), bytesOf(43), (drawn, transactionId, key) => {
        const message = loaded(written(drawn, transactionId, key));
        assert.deepEqual(drawn.read(message), drawn.expected);
        assert.deepEqual([message.method, message.messageClass], [drawn.method, drawn.messageClass]);
        assert.deepEqual(message.transactionId, transactionId);
        assert.ok(message.bytes.length <= maxPayloadBytes);
        assert.equal(message.has(Attribute.fingerprint), true);
        assert.equal(integrityMatches(nodePrimitives, key, message), drawn.signed);
      }),
      { numRuns: 60 },
    );
  });

  test(`every flipped bit of ${name} is noticed`, () => {
    fc.assert(
      fc.property(sample, bytesOf(12), bytesOf(43), (drawn, transactionId, key) => {
        const bytes = written(drawn, transactionId, key);
        for (let bit = 0; bit < bytes.length * 8; bit++) {
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          assert.equal(isIntact(bytes, drawn.signed ? key : undefined), false, `bit ${bit}`);
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        }
        assert.equal(isIntact(bytes, drawn.signed ? key : undefined), true);
      }),
      { numRuns: 3 },
    );
  });
}

test("the integrity alone notices every flipped bit of what it covers", () => {
  fc.assert(
    fc.property(signedSample(), bytesOf(12), bytesOf(32), (drawn, transactionId, key) => {
      const bytes = withoutFingerprint(written(drawn, transactionId, key));
      for (let bit = 0; bit < bytes.length * 8; bit += 5) {
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const message = new StunMessage();
        assert.ok(message.load(bytes) !== undefined || !integrityMatches(nodePrimitives, key, message), `bit ${bit}`);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      }
    }),
    { numRuns: 30 },
  );
});

test("a signature under another key is noticed", () => {
  fc.assert(
    fc.property(signedSample(), bytesOf(12), bytesOf(32), bytesOf(32), (drawn, transactionId, key, other) => {
      fc.pre(key.some((byte, index) => byte !== other[index]));
      const message = loaded(written(drawn, transactionId, key));
      assert.equal(integrityMatches(nodePrimitives, other, message), false);
    }),
  );
});

test("the proof of a Register holds under the shared secret, and covers all before it", () => {
  const register = samples["a Register with proof"];
  assert.ok(register);
  fc.assert(
    fc.property(register, bytesOf(12), bytesOf(43), (drawn, transactionId, key) => {
      const dh = new Uint8Array(32).fill(7);
      const message = loaded(written(drawn, transactionId, key));
      assert.equal(macMatches(nodePrimitives, dh, message, Attribute.hostProof), true);
      assert.equal(macMatches(nodePrimitives, key, message, Attribute.hostProof), false);
      const altered = withoutFingerprint(message.bytes);
      altered[24] = (altered[24] ?? 0) ^ 1;
      assert.equal(macMatches(nodePrimitives, dh, loaded(altered), Attribute.hostProof), false);
    }),
    { numRuns: 20 },
  );
});

test("a builder writes the same message again after any other", () => {
  const any = fc.oneof(...Object.values(samples));
  fc.assert(
    fc.property(any, any, bytesOf(12), bytesOf(43), (first, second, transactionId, key) => {
      const signature: Signature = { macs: nodePrimitives, key };
      const builder = new StunBuilder();
      const before = second.write(builder, transactionId, signature).slice();
      first.write(builder, transactionId, signature);
      assert.deepEqual(second.write(builder, transactionId, signature), before);
    }),
  );
});

function signedSample(): fc.Arbitrary<Sample> {
  return fc.oneof(...Object.values(samples)).filter(({ signed }) => signed);
}

function written(sample: Sample, transactionId: Uint8Array, key: Uint8Array): Uint8Array {
  return sample.write(new StunBuilder(), transactionId, { macs: nodePrimitives, key }).slice();
}

function loaded(bytes: Uint8Array): StunMessage {
  const message = new StunMessage();
  assert.equal(message.load(bytes), undefined);
  return message;
}

/** As a receiver judges it that wants a fingerprint and, with `key`, integrity. */
function isIntact(bytes: Uint8Array, key: Uint8Array | undefined): boolean {
  const message = new StunMessage();
  if (message.load(bytes) !== undefined || !message.has(Attribute.fingerprint)) return false;
  return key === undefined || integrityMatches(nodePrimitives, key, message);
}

function withoutFingerprint(bytes: Uint8Array): Uint8Array {
  const shorter = bytes.slice(0, -8);
  new DataView(shorter.buffer).setUint16(2, shorter.length - 20);
  return shorter;
}
