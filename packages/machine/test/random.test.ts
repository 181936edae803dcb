import assert from "node:assert/strict";
import { test } from "node:test";
import { type Random, randomBelow, randomBytes, randomU32 } from "@fractal-punch/machine";
import fc from "fast-check";

test("randomBelow stays below its limit, whatever the generator gives", () => {
  const limit = fc.oneof(fc.constantFrom(1, 2, 0x1000, 65_536), fc.integer({ min: 1, max: 2 ** 32 }));
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), limit, (bytes, below) => {
      const value = randomBelow(giving(bytes), below);
      assert.ok(Number.isInteger(value) && value >= 0 && value < below);
    }),
  );
});

test("randomBelow gives the least and the greatest value at the generator's ends", () => {
  assert.equal(randomBelow(giving(new Uint8Array(6)), 480), 0);
  assert.equal(randomBelow(giving(new Uint8Array(6).fill(255)), 2 ** 32), 2 ** 32 - 1);
  assert.equal(randomBelow(giving(Uint8Array.of(0, 0, 0, 0, 1, 0xe0)), 480), 0);
});

test("randomU32 covers all 32 bits without a sign", () => {
  assert.equal(randomU32(giving(Uint8Array.of(0xff, 0xff, 0xff, 0xff))), 0xffff_ffff);
  assert.equal(randomU32(giving(Uint8Array.of(0x80, 0, 0, 1))), 0x8000_0001);
});

test("randomBytes asks for exactly as many bytes as it gives", () => {
  assert.deepEqual(randomBytes(giving(Uint8Array.of(1, 2, 3)), 3), Uint8Array.of(1, 2, 3));
  assert.equal(randomBytes(giving(new Uint8Array(0)), 0).length, 0);
});

/** A generator that gives these bytes, all at once. */
function giving(bytes: Uint8Array): Random {
  return {
    fill(target) {
      assert.equal(target.length, bytes.length);
      target.set(bytes);
    },
  };
}
