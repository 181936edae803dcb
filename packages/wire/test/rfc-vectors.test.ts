/** RFC 5769's vectors, and RFC 8489's appendix B.1 as erratum 6268 has it (length 0x0090, PASSWORD-ALGORITHM added). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  asciiBytes,
  asciiText,
  concatBytes,
  integrityMatches,
  integritySha1Matches,
  longTermKey,
  MessageClass,
  Method,
  nonceCookie,
  passwordAlgorithmOf,
  passwordAlgorithmsValue,
  StunBuilder,
  StunMessage,
  securityFeatures,
  textOf,
  userhashOf,
  xorAddress,
} from "@fractal-punch/wire";

const priority = 0x0024;
const iceControlled = 0x8029;

const shortTermKey = asciiBytes("VOkJxbRl1RmTxUk/WvJxBt");
const transactionId = bytes("b7e7a701 bc34d686 fa87dfae");
const username = new TextEncoder().encode("マトリックス");
const realm = "example.org";
/** As OpaqueString makes it, of a text with a soft hyphen, an ordinal indicator and a Roman numeral. */
const password = "TheMatrIX";

const request = bytes(`
  00010058 2112a442 b7e7a701 bc34d686 fa87dfae
  80220010 5354554e 20746573 7420636c 69656e74
  00240004 6e0001ff
  80290008 932ff9b1 51263b36
  00060009 6576746a 3a683676 59202020
  00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
  80280004 e57a3bcf`);

const response4 = bytes(`
  0101003c 2112a442 b7e7a701 bc34d686 fa87dfae
  8022000b 74657374 20766563 746f7220
  00200008 0001a147 e112a643
  00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7
  80280004 c07d4c96`);

const response6 = bytes(`
  01010048 2112a442 b7e7a701 bc34d686 fa87dfae
  8022000b 74657374 20766563 746f7220
  00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
  00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41
  80280004 c8fb0b4c`);

const longTermRequest = bytes(`
  00010060 2112a442 78ad3433 c6ad72c0 29da412e
  00060012 e3839ee3 8388e383 aae38383 e382afe3 82b90000
  0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341
  0014000b 6578616d 706c652e 6f726700
  00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666`);

const sha256Request = bytes(`
  00010090 2112a442 78ad3433 c6ad72c0 29da412e
  001e0020 4a3cf38f ef6992bd a952c678 0417da0f 24819415 569e60b2 05c46e41 407f1704
  00150029 6f624d61 744a6f73 32414141 43662f2f 3439396b 39353464 364f4c33 346f4c39 46535476 79363473 41000000
  0014000b 6578616d 706c652e 6f726700
  001d0004 00020000
  001c0020 b5c7bf00 5b6c52a2 1c51c5e8 92f81924 136296cb 927c4314 9309278c c6518e65`);

test("RFC 5769 section 2.1, a request: read, verified, refused under another password", () => {
  const message = loaded(request);
  assert.deepEqual([message.method, message.messageClass], [Method.binding, MessageClass.request]);
  assert.deepEqual(message.transactionId, transactionId);
  assert.equal(textOf(message, Attribute.software), "STUN test client");
  assert.equal(textOf(message, Attribute.username), "evtj:h6vY");
  assert.deepEqual(message.value(priority), bytes("6e0001ff"));
  assert.deepEqual(message.value(iceControlled), bytes("932ff9b151263b36"));
  assert.equal(integritySha1Matches(nodePrimitives, shortTermKey, message), true);
  assert.equal(integritySha1Matches(nodePrimitives, asciiBytes("another"), message), false);
  assert.equal(message.has(Attribute.fingerprint), true);
});

for (const [section, response, address] of [
  ["2.2", response4, "192.0.2.1:32853"],
  ["2.3", response6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853"],
] as const)
  test(`RFC 5769 section ${section}, a response: read and verified`, () => {
    const message = loaded(response);
    assert.deepEqual([message.method, message.messageClass], [Method.binding, MessageClass.success]);
    const mapped = xorAddress(message, Attribute.xorMappedAddress);
    assert.equal(mapped && addressText(mapped), address);
    assert.equal(textOf(message, Attribute.software), "test vector");
    assert.equal(integritySha1Matches(nodePrimitives, shortTermKey, message), true);
  });

test("RFC 5769 section 2.4, long-term credentials: read, verified, and built again byte for byte", () => {
  const message = loaded(longTermRequest);
  assert.deepEqual(message.value(Attribute.username), username);
  assert.equal(textOf(message, Attribute.realm), realm);
  const key = longTermKey(nodePrimitives, "md5", textOf(message, Attribute.username) ?? "", realm, password);
  assert.equal(integritySha1Matches(nodePrimitives, key, message), true);
  const rebuilt = new StunBuilder()
    .begin(MessageClass.request, Method.binding, bytes("78ad3433 c6ad72c0 29da412e"))
    .attribute(Attribute.username, username)
    .text(Attribute.nonce, "f//499k954d6OL34oL9FSTvy64sA")
    .text(Attribute.realm, realm)
    .integritySha1(nodePrimitives, key);
  assert.deepEqual(rebuilt.bytes(), longTermRequest);
});

test("RFC 8489 appendix B.1, SHA-256 and USERHASH: read, verified, and built again byte for byte", () => {
  const message = loaded(sha256Request);
  const key = longTermKey(nodePrimitives, "sha256", asciiText(username), realm, password);
  assert.equal(integrityMatches(nodePrimitives, key, message), true);
  assert.equal(integrityMatches(nodePrimitives, shortTermKey, message), false);
  const hash = userhashOf(nodePrimitives, asciiText(username), realm);
  assert.deepEqual(message.value(Attribute.userhash), hash);
  assert.equal(passwordAlgorithmOf(message), "sha256");
  const features = securityFeatures(message.value(Attribute.nonce) ?? new Uint8Array(0));
  assert.ok(features);
  assert.deepEqual(features, { passwordAlgorithms: false, usernameAnonymity: true });
  const rebuilt = new StunBuilder()
    .begin(MessageClass.request, Method.binding, message.transactionId)
    .attribute(Attribute.userhash, hash)
    .attribute(Attribute.nonce, concatBytes(nonceCookie(features), asciiBytes("f//499k954d6OL34oL9FSTvy64sA")))
    .text(Attribute.realm, realm)
    .attribute(Attribute.passwordAlgorithm, passwordAlgorithmsValue(["sha256"]))
    .integrity(nodePrimitives, key);
  assert.deepEqual(rebuilt.bytes(), sha256Request);
});

// The RFC pads with spaces, the builder with zeros: so these are built again without what depends on the padding.
test("RFC 5769's addresses are built again byte for byte", () => {
  for (const response of [response4, response6]) {
    const message = loaded(response);
    const mapped = xorAddress(message, Attribute.xorMappedAddress);
    assert.ok(mapped);
    const builder = new StunBuilder().begin(MessageClass.success, Method.binding, transactionId);
    const built = loaded(builder.xorAddress(Attribute.xorMappedAddress, mapped).bytes());
    assert.deepEqual(built.value(Attribute.xorMappedAddress), message.value(Attribute.xorMappedAddress));
  }
});

test("a wrong byte anywhere in RFC 5769's request is noticed", () => {
  for (let at = 0; at < request.length; at++) {
    const altered = request.slice();
    altered[at] = (altered[at] ?? 0) ^ 0x40;
    const message = new StunMessage();
    const intact = message.load(altered) === undefined && message.has(Attribute.fingerprint);
    assert.equal(intact, false, `byte ${at}`);
  }
});

function loaded(vector: Uint8Array): StunMessage {
  const message = new StunMessage();
  assert.equal(message.load(vector), undefined);
  return message;
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
}
