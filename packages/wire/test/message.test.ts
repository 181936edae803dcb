import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  asciiBytes,
  changeRequestOf,
  channelOf,
  encodeBinding,
  errorCodeOf,
  fingerprintOf,
  integrityMatches,
  integritySha1Matches,
  MessageClass,
  Method,
  plainAddress,
  responsePortOf,
  StunBuilder,
  StunMessage,
  textOf,
  u32Of,
  u64Of,
  xorAddress,
  xorAddresses,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { address, bytesOf } from "./arbitraries.ts";

const transactionId = new Uint8Array(12);
const key = asciiBytes("key");

test("every method that fits a first byte of 0 to 3 comes through, in every class", () => {
  for (let method = 0; method <= 0xff; method++)
    for (const messageClass of Object.values(MessageClass)) {
      const message = loaded(new StunBuilder().begin(messageClass, method, transactionId).bytes());
      assert.deepEqual([message.method, message.messageClass], [method, messageClass]);
    }
});

test("a message whose length field lies is refused", () => {
  const bytes = encodeBinding(new StunBuilder(), transactionId, true).slice();
  const view = new DataView(bytes.buffer);
  for (const lie of [
    0,
    4,
    bytes.length - 24,
    bytes.length - 21,
    bytes.length - 19,
    bytes.length - 16,
    bytes.length,
    0xffff,
  ]) {
    view.setUint16(2, lie);
    assert.equal(new StunMessage().load(bytes), "bad-length", `${lie}`);
  }
});

test("a message of odd length is refused, even when its length field says so", () => {
  for (const extra of [1, 2, 3]) {
    const bytes = new Uint8Array(20 + extra);
    bytes.set(encodeBinding(new StunBuilder(), transactionId, false).subarray(0, 20));
    new DataView(bytes.buffer).setUint16(2, extra);
    assert.equal(new StunMessage().load(bytes), "bad-length");
  }
});

test("bytes without the magic cookie, or too short for a header, are not STUN", () => {
  const bytes = encodeBinding(new StunBuilder(), transactionId, false).slice();
  for (let length = 0; length < 20; length++)
    assert.equal(new StunMessage().load(bytes.subarray(0, length)), "not-stun");
  bytes[7] = 0x43;
  assert.equal(new StunMessage().load(bytes), "not-stun");
  bytes[7] = 0x42;
  bytes[0] = 0x40;
  assert.equal(new StunMessage().load(bytes), "not-stun");
});

test("an attribute that says it is longer than the message is refused", () => {
  const bytes = begun().attribute(Attribute.epoch, new Uint8Array(8)).bytes().slice();
  for (const length of [9, 12, 0xfffc, 0xffff]) {
    new DataView(bytes.buffer).setUint16(22, length);
    assert.equal(new StunMessage().load(bytes), "bad-attribute", `${length}`);
  }
});

test("32 attributes are read and 33 are refused", () => {
  for (const [count, fault] of [
    [32, undefined],
    [33, "too-many-attributes"],
    [200, "too-many-attributes"],
  ] as const) {
    const builder = begun();
    for (let i = 0; i < count; i++) builder.attribute(Attribute.proven, new Uint8Array(0));
    assert.equal(new StunMessage().load(builder.bytes()), fault);
  }
});

test("a message that was refused shows no attributes", () => {
  const message = new StunMessage();
  const bytes = begun().text(Attribute.username, "someone").fingerprint().bytes().slice();
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  assert.equal(message.load(bytes), "bad-fingerprint");
  assert.equal(message.has(Attribute.username), false);
});

test("a fingerprint that is not last is refused", () => {
  const bytes = begun().fingerprint().text(Attribute.username, "behind").bytes().slice();
  assert.equal(new StunMessage().load(bytes), "bad-fingerprint");
  new DataView(bytes.buffer).setUint32(24, fingerprintOf(bytes, 20));
  assert.equal(new StunMessage().load(bytes), "bad-fingerprint");
});

test("a fingerprint of another length is refused", () => {
  for (const length of [0, 3, 5, 8])
    assert.equal(
      new StunMessage().load(begun().attribute(Attribute.fingerprint, new Uint8Array(length)).bytes()),
      "bad-fingerprint",
    );
});

test("of two attributes of one type the first counts", () => {
  const message = loaded(begun().text(Attribute.username, "first").text(Attribute.username, "second").bytes());
  assert.equal(textOf(message, Attribute.username), "first");
  assert.deepEqual(message.values(Attribute.username), [asciiBytes("first"), asciiBytes("second")]);
});

test("nothing behind an integrity attribute is seen, but for the fingerprint", () => {
  const builder = begun().text(Attribute.username, "before").integrity(nodePrimitives, key);
  builder.text(Attribute.username, "behind").u64(Attribute.time, 1).integrity(nodePrimitives, asciiBytes("another"));
  const message = loaded(builder.fingerprint().bytes());
  assert.deepEqual(message.values(Attribute.username), [asciiBytes("before")]);
  assert.equal(message.has(Attribute.time), false);
  assert.equal(message.has(Attribute.fingerprint), true);
  assert.equal(message.values(Attribute.messageIntegritySha256).length, 1);
  assert.equal(integrityMatches(nodePrimitives, key, message), true);
});

test("behind the older integrity only the newer one is seen, and both can be checked", () => {
  const builder = begun().text(Attribute.username, "before").integritySha1(nodePrimitives, key);
  builder.text(Attribute.realm, "behind").integrity(nodePrimitives, key);
  const message = loaded(builder.text(Attribute.nonce, "behind both").bytes());
  assert.equal(integritySha1Matches(nodePrimitives, key, message), true);
  assert.equal(integrityMatches(nodePrimitives, key, message), true);
  assert.deepEqual([message.has(Attribute.realm), message.has(Attribute.nonce)], [false, false]);
});

test("an older integrity behind the newer one opens nothing again", () => {
  const builder = begun().integrity(nodePrimitives, key).integritySha1(nodePrimitives, key);
  const message = loaded(builder.integrity(nodePrimitives, key).bytes());
  assert.equal(message.has(Attribute.messageIntegrity), false);
  assert.equal(message.values(Attribute.messageIntegritySha256).length, 1);
});

test("an integrity attribute that was cut short never matches", () => {
  for (const length of [0, 16, 20, 28, 31, 33]) {
    const message = loaded(begun().attribute(Attribute.messageIntegritySha256, new Uint8Array(length)).bytes());
    assert.equal(integrityMatches(nodePrimitives, key, message), false);
  }
});

test("unknown types that must be understood are named, those that need not and those behind integrity are not", () => {
  const builder = begun().text(0x7001, "").text(Attribute.username, "u").text(0xc001, "").text(0x0002, "");
  const message = loaded(builder.integrity(nodePrimitives, key).text(0x7002, "").bytes());
  const known = new Set<number>([Attribute.username, Attribute.messageIntegritySha256]);
  assert.deepEqual(message.unknownRequired(known), [0x7001, 0x0002]);
});

test("padding may hold anything and is not read", () => {
  const bytes = begun().text(Attribute.username, "a").bytes().slice();
  bytes.set([1, 2, 3], 25);
  assert.equal(textOf(loaded(bytes), Attribute.username), "a");
});

test("values of another size than their type's are not read", () => {
  for (const length of [0, 1, 2, 3, 5, 7, 9, 16]) {
    const message = loaded(begun().attribute(Attribute.lifetime, new Uint8Array(length)).bytes());
    assert.equal(u32Of(message, Attribute.lifetime), undefined);
    assert.equal(u64Of(message, Attribute.lifetime), undefined);
    assert.equal(message.fixed(Attribute.lifetime, length)?.length, length);
  }
});

test("a number of 8 bytes above 2^53 - 1 is not read", () => {
  const read = (hex: string) =>
    u64Of(loaded(begun().attribute(Attribute.time, Buffer.from(hex, "hex")).bytes()), Attribute.time);
  assert.equal(read("001fffffffffffff"), Number.MAX_SAFE_INTEGER);
  assert.equal(read("0020000000000000"), undefined);
  assert.equal(read("ffffffffffffffff"), undefined);
});

test("only the numbers of session channels are channels", () => {
  for (const [number, channel] of [
    [0x3fff, undefined],
    [0x4000, 0x4000],
    [0x4fff, 0x4fff],
    [0x5000, undefined],
    [0, undefined],
  ] as const)
    assert.equal(channelOf(loaded(begun().channel(number).bytes())), channel);
});

test("addresses of an unknown family, a wrong length or an IPv4-mapped form are left out", () => {
  const builder = begun();
  for (const value of ["0003000000000000", "00010000000000", "0001000000000000ff", "000200000000000000", ""])
    builder.attribute(Attribute.xorPeerAddress, Buffer.from(value, "hex"));
  builder.xorAddress(Attribute.xorPeerAddress, {
    family: 6,
    ip: `${"\0".repeat(10)}\u00ff\u00ff\u007f\0\0\u0001`,
    port: 9,
  });
  builder.xorAddress(Attribute.xorPeerAddress, { family: 4, ip: 0x7f00_0001, port: 9 });
  const message = loaded(builder.bytes());
  assert.deepEqual(xorAddresses(message, Attribute.xorPeerAddress).map(addressText), ["127.0.0.1:9"]);
  assert.equal(xorAddress(message, Attribute.xorMappedAddress), undefined);
});

test("error codes from 300 to 699 come through, others are not read", () => {
  for (let code = 300; code < 700; code++) assert.equal(errorCodeOf(loaded(begun().error(code, "why").bytes())), code);
  for (const value of ["", "000004", "00000264", "00000700", "000004ff"]) {
    const message = loaded(begun().attribute(Attribute.errorCode, Buffer.from(value, "hex")).bytes());
    assert.equal(errorCodeOf(message), undefined, value);
  }
});

test("a text of more than 508 bytes is not read", () => {
  assert.equal(
    textOf(loaded(begun().text(Attribute.username, "u".repeat(508)).bytes()), Attribute.username)?.length,
    508,
  );
  assert.equal(
    textOf(loaded(begun().text(Attribute.username, "u".repeat(509)).bytes()), Attribute.username),
    undefined,
  );
});

test("a message larger than any datagram is read without confusion", () => {
  const bytes = new Uint8Array(20 + 0xfffc);
  bytes.set(begun().bytes());
  const view = new DataView(bytes.buffer);
  view.setUint16(2, 0xfffc);
  view.setUint16(20, Attribute.padding);
  view.setUint16(22, 0xfffc - 12);
  view.setUint16(bytes.length - 8, Attribute.lifetime);
  view.setUint16(bytes.length - 6, 4);
  view.setUint32(bytes.length - 4, 60);
  assert.equal(u32Of(loaded(bytes), Attribute.lifetime), 60);
});

test("what a builder pads has exactly the size that was asked for", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 1100, size: "max" }),
      fc.constantFrom(200, 1200),
      bytesOf(12),
      (value, size, id) => {
        const builder = new StunBuilder().begin(MessageClass.request, Method.connect, id).attribute(0x7001, value);
        const least = 20 + 4 + ((value.length + 3) & ~3) + 36 + 8;
        const bytes = builder.pad(size).integrity(nodePrimitives, key).fingerprint().bytes();
        assert.equal(bytes.length, Math.max(least, size));
      },
    ),
  );
});

test("padding stops exactly where there is no room for another attribute", () => {
  for (let bytes = 0; bytes <= 200; bytes += 4) {
    const padded = begun().attribute(Attribute.epoch, new Uint8Array(bytes)).pad(200, 8).fingerprint().bytes();
    assert.equal(padded.length, Math.max(200, 20 + 4 + bytes + 8), `${bytes}`);
  }
});

test("a builder refuses to write more than a datagram holds, or what it was made for", () => {
  const builder = begun().attribute(Attribute.padding, new Uint8Array(1232 - 24));
  assert.equal(builder.bytes().length, 1232);
  assert.throws(() => builder.text(Attribute.username, ""), /fits its builder/);
  const larger = new StunBuilder(2000).begin(MessageClass.indication, Method.data, transactionId);
  assert.equal(larger.attribute(Attribute.data, new Uint8Array(2000 - 24)).bytes().length, 2000);
  assert.throws(() => larger.text(Attribute.username, ""), /fits its builder/);
});

test("an address that is not XORed comes through, and one of another length or family is not read", () => {
  fc.assert(
    fc.property(address, fc.constantFrom(Attribute.mappedAddress, Attribute.otherAddress), (drawn, type) => {
      assert.deepEqual(plainAddress(loaded(begun().address(type, drawn).bytes()), type), drawn);
    }),
  );
  assert.deepEqual(
    begun().address(Attribute.responseOrigin, { family: 4, ip: 0xc000_0201, port: 3478 }).bytes().subarray(20),
    Uint8Array.from(Buffer.from("802b000800010d96c0000201", "hex")),
  );
  for (const value of ["", "0001", "0001000000000000ff", "0003000000000000", "000200000000000000"]) {
    const message = loaded(begun().attribute(Attribute.otherAddress, Buffer.from(value, "hex")).bytes());
    assert.equal(plainAddress(message, Attribute.otherAddress), undefined, value);
  }
});

test("CHANGE-REQUEST and RESPONSE-PORT are read, and in another length are not", () => {
  for (const [flags, ip, port] of [
    [0, false, false],
    [2, false, true],
    [4, true, false],
    [6, true, true],
    [0xffff_fff9, false, false],
  ] as const)
    assert.deepEqual(changeRequestOf(loaded(begun().u32(Attribute.changeRequest, flags).bytes())), { ip, port });
  const responsePort = (hex: string) =>
    responsePortOf(loaded(begun().attribute(Attribute.responsePort, Buffer.from(hex, "hex")).bytes()));
  assert.deepEqual(["0d96", "0d960000", "", "0d", "0d9600", "0d96000000"].map(responsePort), [
    3478,
    3478,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  const short = loaded(begun().attribute(Attribute.changeRequest, new Uint8Array(3)).bytes());
  assert.equal(changeRequestOf(short), undefined);
});

function begun(): StunBuilder {
  return new StunBuilder().begin(MessageClass.request, Method.binding, transactionId);
}

function loaded(bytes: Uint8Array): StunMessage {
  const message = new StunMessage();
  assert.equal(message.load(bytes), undefined);
  return message;
}
