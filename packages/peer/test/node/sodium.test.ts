import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import type { PeerPrimitives } from "@fractal-punch/machine";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import fc from "fast-check";

const { primitives: sodium, warning } = await loadPrimitives();

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const counter = fc.maxSafeNat().filter((number) => number < Number.MAX_SAFE_INTEGER);
const bytes = fc.uint8Array({ maxLength: 1300 });
const ad = fc.uint8Array({ maxLength: 70 });

test("sodium-native loads here, without a warning", () => {
  assert.equal(warning, undefined);
  assert.notEqual(sodium, nodePrimitives);
});

test("both implementations hash and authenticate alike, with keys and data of any length", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 130 }), fc.uint8Array({ maxLength: 3000 }), (secret, data) => {
      assert.deepEqual(sodium.hash(data), nodePrimitives.hash(data));
      assert.deepEqual(sodium.hmacSha1(secret, data), nodePrimitives.hmacSha1(secret, data));
      assert.deepEqual(sodium.hmacSha256(secret, data), nodePrimitives.hmacSha256(secret, data));
    }),
  );
});

test("both implementations compute the same X25519 keys and secrets", () => {
  fc.assert(
    fc.property(key, key, (ours, theirs) => {
      const publicKey = sodium.publicKey(theirs);
      assert.deepEqual(publicKey, nodePrimitives.publicKey(theirs));
      assert.deepEqual(sodium.dh(ours, publicKey), nodePrimitives.dh(ours, publicKey));
      assert.deepEqual(sodium.dh(ours, theirs), nodePrimitives.dh(ours, theirs));
    }),
    { numRuns: 30 },
  );
});

test("a public key that makes the shared secret all zero is refused", () => {
  const secretKey = new Uint8Array(32).fill(7);
  const order8 = Buffer.from("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", "hex");
  for (const hostile of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31)), new Uint8Array(order8)]) {
    for (const primitives of [sodium, nodePrimitives]) assert.equal(primitives.dh(secretKey, hostile), undefined);
  }
});

test("what one implementation seals, the other seals alike and opens", () => {
  fc.assert(
    fc.property(key, counter, ad, bytes, (secret, number, data, plain) => {
      const sealed = sealedBy(sodium, secret, number, data, plain);
      assert.deepEqual(sealed, sealedBy(nodePrimitives, secret, number, data, plain));
      for (const primitives of [sodium, nodePrimitives]) {
        const out = new Uint8Array(plain.length);
        assert.equal(primitives.open(secret, number, data, sealed, out), true);
        assert.deepEqual(out, plain);
      }
    }),
  );
});

test("sealing and opening work in place, in the middle of a larger array, and touch nothing beside it", () => {
  fc.assert(
    fc.property(key, counter, ad, bytes, (secret, number, data, plain) => {
      for (const primitives of [sodium, nodePrimitives]) {
        const arena = new Uint8Array(plain.length + 48).fill(0xee);
        const packet = arena.subarray(16, 32 + plain.length);
        const inner = packet.subarray(0, plain.length);
        inner.set(plain);
        primitives.seal(secret, number, data, inner, packet);
        assert.deepEqual(packet, sealedBy(nodePrimitives, secret, number, data, plain));
        assert.equal(primitives.open(secret, number, data, packet, inner), true);
        assert.deepEqual(inner, plain);
        const around = [...arena.subarray(0, 16), ...arena.subarray(32 + plain.length)];
        assert.ok(around.every((byte) => byte === 0xee));
      }
    }),
  );
});

test("a forged packet is refused and left as it was, so that another key can be tried", () => {
  const position = fc.nat();
  fc.assert(
    fc.property(key, counter, ad, bytes, position, (secret, number, data, plain, at) => {
      const sealed = sealedBy(nodePrimitives, secret, number, data, plain);
      const forged = sealed.with(at % sealed.length, (sealed[at % sealed.length] ?? 0) ^ 1);
      for (const primitives of [sodium, nodePrimitives]) {
        const packet = forged.slice();
        assert.equal(primitives.open(secret, number, data, packet, packet.subarray(0, plain.length)), false);
        assert.deepEqual(packet, forged);
        assert.equal(primitives.open(secret, number + 1, data, sealed, new Uint8Array(plain.length)), false);
        assert.equal(
          primitives.open(secret, number, Uint8Array.of(...data, 0), sealed, new Uint8Array(plain.length)),
          false,
        );
      }
    }),
  );
});

test("a packet shorter than a tag is refused", () => {
  for (const primitives of [sodium, nodePrimitives]) {
    for (let length = 0; length < 16; length++) {
      assert.equal(
        primitives.open(new Uint8Array(32), 0, new Uint8Array(0), new Uint8Array(length), new Uint8Array(0)),
        false,
      );
    }
  }
});

test("a datagram of 65,507 bytes is opened too", () => {
  const plain = new Uint8Array(65_507).fill(5);
  const secret = new Uint8Array(32).fill(1);
  const sealed = sealedBy(sodium, secret, 9, new Uint8Array(0), plain);
  const out = new Uint8Array(plain.length);
  assert.equal(sodium.open(secret, 9, new Uint8Array(0), sealed, out), true);
  assert.deepEqual(out, plain);
});

test("where sodium-native does not load, Node's cryptography stands in with a warning that says why", async () => {
  const hooks = `export function resolve(specifier, context, next) {
    if (specifier === "sodium-native") throw new Error("no binary for this machine");
    return next(specifier, context);
  }`;
  const script = `
    import { register } from "node:module";
    register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hooks)}));
    const { loadPrimitives } = await import(${JSON.stringify(import.meta.resolve("@fractal-punch/peer/sodium"))});
    const { primitives, warning } = await loadPrimitives();
    process.stdout.write(JSON.stringify({ warning, hashBytes: primitives.hash(new Uint8Array(1)).length }));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
  const answer: unknown = JSON.parse(stdout);
  assert.deepEqual(answer, {
    warning:
      "sodium-native does not load here (no binary for this machine); Node's own cryptography is used, which is as safe but slower",
    hashBytes: 64,
  });
});

function sealedBy(
  primitives: PeerPrimitives,
  secret: Uint8Array,
  number: number,
  data: Uint8Array,
  plain: Uint8Array,
): Uint8Array {
  const sealed = new Uint8Array(plain.length + 16);
  primitives.seal(secret, number, data, plain, sealed);
  return sealed;
}
