import assert from "node:assert/strict";
import { createDecipheriv, createHmac } from "node:crypto";
import { test } from "node:test";
import { type Random, randomBytes } from "@fractal-punch/machine";
import { epochNow, monotonicNow, nodePrimitives, systemRandom } from "@fractal-punch/udp/primitives";

const { dh, publicKey, hash, hmacSha1, hmacSha256, md5, seal, sha256, open } = nodePrimitives;

test("X25519 multiplies as in RFC 7748 section 5.2", () => {
  const vectors = [
    [
      "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
      "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
      "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ],
    [
      "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
      "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
      "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ],
  ] as const;
  for (const [scalar, point, product] of vectors) assert.deepEqual(dh(hex(scalar), hex(point)), hex(product));
});

test("X25519 makes the keys and the shared secret of RFC 7748 section 6.1", () => {
  const alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  const shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  assert.deepEqual(publicKey(alice), hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
  assert.deepEqual(publicKey(bob), hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
  assert.deepEqual(dh(alice, publicKey(bob)), shared);
  assert.deepEqual(dh(bob, publicKey(alice)), shared);
});

test("a secret key that its owner overwrites in place is a new key", () => {
  const key = randomBytes(systemRandom, 32);
  const first = publicKey(key);
  systemRandom.fill(key);
  assert.notDeepEqual(publicKey(key), first);
});

test("X25519 with a public key of low order has no result", () => {
  const secret = randomBytes(systemRandom, 32);
  const order8 = hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
  assert.equal(dh(secret, new Uint8Array(32)), undefined);
  assert.equal(dh(secret, Uint8Array.of(1, ...new Uint8Array(31))), undefined);
  assert.equal(dh(secret, order8), undefined);
});

test("keys of the wrong length are broken invariants", () => {
  assert.throws(() => publicKey(new Uint8Array(31)), /32 bytes/);
  assert.throws(() => dh(new Uint8Array(32), new Uint8Array(33)), /32 bytes/);
});

test("HMAC gives the results of RFC 2202 and RFC 4231", () => {
  const data = ascii("what do ya want for nothing?");
  const longKey = new Uint8Array(131).fill(0xaa);
  assert.deepEqual(hmacSha1(ascii("Jefe"), data), hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"));
  assert.deepEqual(
    hmacSha256(ascii("Jefe"), data),
    hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
  );
  assert.deepEqual(
    hmacSha256(longKey, ascii("Test Using Larger Than Block-Size Key - Hash Key First")),
    hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
  );
});

test("HMAC is that of node:crypto for keys and data of any length", () => {
  for (const keyBytes of [0, 1, 63, 64, 65, 200]) {
    const key = randomBytes(systemRandom, keyBytes);
    for (const dataBytes of [0, 1, 20, 1200, 2048, 2049, 65_535]) {
      const data = randomBytes(systemRandom, dataBytes);
      assert.deepEqual(hmacSha1(key, data), new Uint8Array(createHmac("sha1", key).update(data).digest()));
      assert.deepEqual(hmacSha256(key, data), new Uint8Array(createHmac("sha256", key).update(data).digest()));
    }
  }
});

test("MD5 gives the results of RFC 1321 appendix A.5", () => {
  const vectors = [
    ["", "d41d8cd98f00b204e9800998ecf8427e"],
    ["abc", "900150983cd24fb0d6963f7d28e17f72"],
    ["message digest", "f96b697d7cb7938d525a2f31aaf161d0"],
    ["1234567890".repeat(8), "57edf4a22be3c955ac49da2e2107b67a"],
  ] as const;
  for (const [text, digest] of vectors) assert.deepEqual(md5(ascii(text)), hex(digest));
});

test("SHA-256 gives the results of RFC 6234 section 8.5", () => {
  const vectors = [
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
    ["01234567".repeat(80), "594847328451bdfa85056225462cc1d867d877fb388df0ce35f25ab5562bfbb5"],
  ] as const;
  for (const [text, digest] of vectors) assert.deepEqual(sha256(ascii(text)), hex(digest));
});

test("BLAKE2b-512 gives the result of RFC 7693 appendix A", () => {
  const abc =
    "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1" +
    "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
  assert.deepEqual(hash(ascii("abc")), hex(abc));
});

test("sealed zeros are the key stream of RFC 8439 appendix A.1, test vector 2", () => {
  const sealed = sealed64(0);
  const stream =
    "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed" +
    "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f";
  assert.deepEqual(sealed.subarray(0, 64), hex(stream));
});

test("the counter stands in the nonce as Noise wants it: behind four zero bytes, little-endian", () => {
  const sealed = sealed64(0x1f_0203_0405_0607);
  const nonce = hex("000000000706050403021f00");
  const decipher = createDecipheriv("chacha20-poly1305", new Uint8Array(32), nonce, { authTagLength: 16 });
  decipher.setAAD(ascii("header"), { plaintextLength: 64 });
  decipher.setAuthTag(sealed.subarray(64));
  const plain = decipher.update(sealed.subarray(0, 64));
  decipher.final();
  assert.deepEqual(new Uint8Array(plain), new Uint8Array(64));
});

test("a message is sealed and opened in place, within a larger buffer", () => {
  const key = randomBytes(systemRandom, 32);
  for (const length of [0, 1, 15, 16, 17, 1_200]) {
    const text = randomBytes(systemRandom, length);
    const datagram = new Uint8Array(16 + length + 16 + 8);
    const header = datagram.subarray(0, 16);
    const plain = datagram.subarray(16, 16 + length);
    const sealed = datagram.subarray(16, 16 + length + 16);
    plain.set(text);
    seal(key, 7, header, plain, sealed);
    assert.ok(length < 15 || Buffer.compare(plain, text) !== 0, "the plaintext is gone");
    assert.equal(open(key, 7, header, sealed, plain), true);
    assert.deepEqual(Uint8Array.from(plain), text);
    assert.deepEqual(datagram.subarray(-8), new Uint8Array(8), "nothing behind the tag was touched");
  }
});

test("a sealed message with any one bit flipped is refused, and the output is left alone", () => {
  const key = randomBytes(systemRandom, 32);
  const ad = ascii("header");
  const sealed = new Uint8Array(5 + 16);
  seal(key, 0, ad, ascii("hello"), sealed);
  const out = new Uint8Array(5);
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    assert.equal(open(key, 0, ad, flipped(sealed, bit), out), false, `bit ${bit}`);
  }
  for (let bit = 0; bit < 8 * ad.length; bit++) assert.equal(open(key, 0, flipped(ad, bit), sealed, out), false);
  assert.equal(open(key, 1, ad, sealed, out), false);
  assert.equal(open(key, 0, ad, sealed.subarray(0, 15), new Uint8Array(0)), false);
  assert.deepEqual(out, new Uint8Array(5));
  assert.equal(open(key, 0, ad, sealed, out), true);
  assert.deepEqual(out, ascii("hello"));
});

test("results are plain arrays, so that slice copies them", () => {
  const empty = ascii("");
  const digests = [hash(empty), md5(empty), sha256(empty), hmacSha1(empty, empty)];
  const results = [publicKey(new Uint8Array(32)), ...digests, sealed64(1)];
  for (const bytes of results) assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
});

test("the system's randomness fills exactly what it is given, and never the same twice", () => {
  const bytes = new Uint8Array(96);
  const random: Random = systemRandom;
  random.fill(bytes.subarray(0, 32));
  random.fill(bytes.subarray(32, 64));
  assert.notDeepEqual(bytes.subarray(0, 32), bytes.subarray(32, 64));
  assert.deepEqual(bytes.subarray(64), new Uint8Array(32));
});

test("the clocks tell ms, one that never goes back, and one since 1970", () => {
  const before = Date.now();
  const epoch = epochNow();
  assert.ok(before <= epoch && epoch <= Date.now());
  const now = monotonicNow();
  assert.ok(now <= monotonicNow());
});

/** 64 zero bytes, sealed under the zero key with the associated data "header". */
function sealed64(counter: number): Uint8Array {
  const out = new Uint8Array(64 + 16);
  seal(new Uint8Array(32), counter, ascii("header"), new Uint8Array(64), out);
  return out;
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "ascii"));
}
