import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { equalBytes, hkdfSha256, type Macs } from "@fractal-punch/machine";
import fc from "fast-check";

// RFC 5869 appendix A, test cases 1 to 3: the first 32 bytes of each output are its first block.
const cases = [
  {
    secret: "0b".repeat(22),
    salt: "000102030405060708090a0b0c",
    info: "f0f1f2f3f4f5f6f7f8f9",
    block: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
  },
  {
    secret: countUp(0x00, 80),
    salt: countUp(0x60, 80),
    info: countUp(0xb0, 80),
    block: "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
  },
  {
    secret: "0b".repeat(22),
    salt: "",
    info: "",
    block: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
  },
];

test("hkdfSha256 gives the first block of RFC 5869's test cases", () => {
  for (const { secret, salt, info, block } of cases)
    assert.equal(hexOf(hkdfSha256(macs(), bytes(secret), bytes(salt), bytes(info))), block);
});

test("equalBytes tells equal arrays from all others", () => {
  const any = fc.uint8Array({ maxLength: 40 });
  fc.assert(fc.property(any, any, (a, b) => assert.equal(equalBytes(a, b), hexOf(a) === hexOf(b))));
  fc.assert(fc.property(any, (a) => assert.equal(equalBytes(a, a.slice()), true)));
});

test("equalBytes notices every single bit", () => {
  const a = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
  for (let bit = 0; bit < 256; bit++) {
    const b = a.slice();
    b[bit >> 3] = (b[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(equalBytes(a, b), false);
  }
});

test("equalBytes takes no prefix for the whole", () => {
  assert.equal(equalBytes(new Uint8Array(4), new Uint8Array(5)), false);
  assert.equal(equalBytes(new Uint8Array(0), new Uint8Array(1)), false);
});

function macs(): Macs {
  const hmac = (hash: string) => (key: Uint8Array, data: Uint8Array) =>
    new Uint8Array(createHmac(hash, key).update(data).digest());
  return { hmacSha1: hmac("sha1"), hmacSha256: hmac("sha256") };
}

function countUp(from: number, length: number): string {
  return hexOf(Uint8Array.from({ length }, (_, index) => from + index));
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

function hexOf(value: Uint8Array): string {
  return Buffer.from(value).toString("hex");
}
