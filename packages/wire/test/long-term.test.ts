import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  asciiBytes,
  concatBytes,
  longTermKey,
  MessageClass,
  Method,
  nonceCookie,
  passwordAlgorithmOf,
  passwordAlgorithmsOf,
  passwordAlgorithmsValue,
  StunBuilder,
  StunMessage,
  securityFeatures,
  userhashOf,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { bytesUpTo } from "./arbitraries.ts";

test("a key is the digest of username, realm and password", () => {
  // RFC 5389 section 15.4's example.
  const key = longTermKey(nodePrimitives, "md5", "user", "realm", "pass");
  assert.equal(Buffer.from(key).toString("hex"), "8493fbc53ba582fb4c044c456bdc40eb");
  assert.equal(longTermKey(nodePrimitives, "sha256", "user", "realm", "pass").length, 32);
});

test("credentials with a character that is no byte are a broken invariant, for other ones would make the same key", () => {
  assert.throws(() => longTermKey(nodePrimitives, "md5", "user", "realm", "пароль"), /character for each byte/);
  assert.throws(() => userhashOf(nodePrimitives, "マトリックス", "realm"), /character for each byte/);
});

test("algorithms come through in their order", () => {
  const lists = fc.array(fc.constantFrom("md5" as const, "sha256"), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(lists, (algorithms) => {
      const value = passwordAlgorithmsValue(algorithms);
      assert.equal(value.length, 4 * algorithms.length);
      assert.deepEqual(offered(value), algorithms);
      assert.equal(chosen(value), algorithms.length === 1 ? algorithms[0] : undefined);
    }),
  );
});

for (const [name, hex, read] of [
  ["nothing", "", undefined],
  ["a cut number", "0002", undefined],
  ["a cut length", "000200", undefined],
  ["SHA-256 and a cut entry behind it", "000200000001", undefined],
  ["parameters that are not there", "0003000800000000", undefined],
  ["parameters longer than any message", "0003ffff00000000", undefined],
  ["an algorithm that nobody knows", "00030000", ["unknown"]],
  ["padded parameters in the middle", "00030005aabbccddee00000000020000", ["unknown", "sha256"]],
  ["padded parameters at the end", "000200000003000101000000", ["sha256", "unknown"]],
  ["parameters at the end whose padding is not counted", "00020000000300020101", ["sha256", "unknown"]],
  ["SHA-256 with parameters", "000200040000000000010000", ["unknown", "md5"]],
] as const)
  test(`PASSWORD-ALGORITHMS with ${name} is read as ${read?.join(", ") ?? "malformed"}`, () => {
    assert.deepEqual(offered(Uint8Array.from(Buffer.from(hex, "hex"))), read);
  });

test("an absent PASSWORD-ALGORITHM chooses nothing", () => {
  const message = loaded(begun().bytes());
  assert.deepEqual([passwordAlgorithmOf(message), passwordAlgorithmsOf(message)], [undefined, undefined]);
});

test("a nonce tells its server's features, whatever is behind the cookie", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), bytesUpTo(40), (passwordAlgorithms, usernameAnonymity, rest) => {
      const features = { passwordAlgorithms, usernameAnonymity };
      assert.deepEqual(securityFeatures(concatBytes(nonceCookie(features), rest)), features);
    }),
  );
  const both = nonceCookie({ passwordAlgorithms: true, usernameAnonymity: true });
  assert.deepEqual(both, asciiBytes("obMatJos2AAAD"));
});

test("features that nobody knows yet change nothing about those that are known", () => {
  assert.deepEqual(securityFeatures(asciiBytes("obMatJos2+/+9rest")), {
    passwordAlgorithms: true,
    usernameAnonymity: false,
  });
});

test("a nonce without the whole cookie tells nothing", () => {
  const whole = "obMatJos2AAAD";
  for (let length = 0; length < whole.length; length++)
    assert.equal(securityFeatures(asciiBytes(whole.slice(0, length))), undefined, `${length}`);
  for (const text of ["obMatJos3AAAD", "obmatjos2AAAD", "obMatJos2AA-D", "obMatJos2AA_D", "obMatJos2AA=="])
    assert.equal(securityFeatures(asciiBytes(text)), undefined, text);
});

function offered(value: Uint8Array): readonly string[] | undefined {
  return passwordAlgorithmsOf(loaded(begun().attribute(Attribute.passwordAlgorithms, value).bytes()));
}

function chosen(value: Uint8Array): string | undefined {
  return passwordAlgorithmOf(loaded(begun().attribute(Attribute.passwordAlgorithm, value).bytes()));
}

function begun(): StunBuilder {
  return new StunBuilder().begin(MessageClass.request, Method.allocate, new Uint8Array(12));
}

function loaded(bytes: Uint8Array): StunMessage {
  const message = new StunMessage();
  assert.equal(message.load(bytes), undefined);
  return message;
}
