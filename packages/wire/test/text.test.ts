import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { crc32 as nodeCrc32 } from "node:zlib";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  asciiBytes,
  asciiText,
  base32Bytes,
  base32Text,
  base64UrlBytes,
  base64UrlText,
  clientUsername,
  crc32,
  hostIdBytes,
  hostIdText,
  hostUsername,
  maxUsernameBytes,
  ticketFromText,
  ticketPassword,
  ticketScope,
  ticketText,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { bytesOf, bytesUpTo, ticket, username } from "./arbitraries.ts";

test("base64url is what Node writes", () => {
  fc.assert(
    fc.property(bytesUpTo(80), (bytes) => {
      const text = base64UrlText(bytes);
      assert.equal(text, Buffer.from(bytes).toString("base64url"));
      assert.deepEqual(base64UrlBytes(text), bytes);
    }),
  );
});

// RFC 4648 section 10, in lower case and without padding.
const base32Vectors = [
  ["", ""],
  ["f", "my"],
  ["fo", "mzxq"],
  ["foo", "mzxw6"],
  ["foob", "mzxw6yq"],
  ["fooba", "mzxw6ytb"],
  ["foobar", "mzxw6ytboi"],
] as const;

test("base32 gives RFC 4648's vectors", () => {
  for (const [plain, text] of base32Vectors) {
    assert.equal(base32Text(asciiBytes(plain)), text);
    assert.deepEqual(base32Bytes(text), asciiBytes(plain));
  }
});

test("each byte string has one text only, and any other text is refused", () => {
  const anyText = (alphabet: string) => fc.string({ unit: fc.constantFrom(...alphabet.split("")), maxLength: 60 });
  const base64Like = anyText("ABCYZabcyz0189-_+/=. ");
  const base32Like = anyText("abcdefyz234567018AZ= ");
  fc.assert(
    fc.property(base64Like, (text) => assertCanonical(text, base64UrlBytes(text), base64UrlText)),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(base32Like, (text) => assertCanonical(text, base32Bytes(text), base32Text)),
    { numRuns: 1000 },
  );
  fc.assert(fc.property(bytesUpTo(60), (bytes) => assert.deepEqual(base32Bytes(base32Text(bytes)), bytes)));
});

test("text whose last digit has bits too many is refused", () => {
  for (const text of ["AB", "A", "AAB", "AAAAA", "AA=="]) assert.equal(base64UrlBytes(text), undefined, text);
  for (const text of ["a", "mz", "mzx", "mzxw6y", "MY", "my======"]) assert.equal(base32Bytes(text), undefined, text);
});

test("ASCII text survives the way through bytes, and what is beyond a byte becomes a question mark", () => {
  fc.assert(fc.property(bytesUpTo(60), (bytes) => assert.deepEqual(asciiBytes(asciiText(bytes)), bytes)));
  assert.equal(asciiText(asciiBytes("a\u0100b\u{1f600}c")), "a?b?c");
});

test("crc32 is the one that zip uses", () => {
  assert.equal(crc32(asciiBytes("123456789"), 9), 0xcbf4_3926);
  if (typeof nodeCrc32 === "function")
    fc.assert(fc.property(bytesUpTo(300), (bytes) => assert.equal(crc32(bytes, bytes.length), nodeCrc32(bytes))));
});

test("a ticket is read as it was written", () => {
  fc.assert(fc.property(ticket, (drawn) => assert.deepEqual(ticketFromText(ticketText(drawn)), drawn)));
});

test("text that is no ticket is refused", () => {
  const password = "A".repeat(43);
  for (const text of [
    "",
    ":",
    password,
    `:${password}`,
    `1:host/a:${password}A`,
    `1:host/a:${password.slice(1)}`,
    `1:host/a:${password}=`,
  ])
    assert.equal(ticketFromText(text), undefined, text);
});

test("a username says what its ticket is for", () => {
  const id = hostIdText(new Uint8Array(32).fill(0xa5));
  assert.deepEqual(ticketScope(hostUsername(17, "office-1")), { kind: "host", expirySeconds: 17, name: "office-1" });
  assert.deepEqual(ticketScope(clientUsername(18, id)), { kind: "client", expirySeconds: 18, hostId: id });
  assert.deepEqual(ticketScope(clientUsername(19, id, "17:host/a")), {
    kind: "client",
    expirySeconds: 19,
    hostId: id,
    hostUsername: "17:host/a",
  });
});

test("usernames of other forms name no host and no client", () => {
  const id = "a".repeat(52);
  const bad = [
    "",
    "17",
    "17:",
    "17:host/",
    "17:host/A",
    "17:host/a b",
    `17:host/${"a".repeat(33)}`,
    "-1:host/a",
    "1e3:host/a",
  ];
  const worse = [
    `1:client/${id}a`,
    `1:client/${id.slice(1)}1`,
    `1:client/${id}:`,
    `1:client/${id}:17`,
    `1:client/${id}:x:host/a`,
  ];
  for (const text of [...bad, ...worse, "1234567890123:host/a", " 17:host/a", "17:host/a\n", "x17:host/a"])
    assert.equal(ticketScope(text), undefined, JSON.stringify(text));
});

test("every username that is written is read, and none is longer than the maximum", () => {
  fc.assert(
    fc.property(username, (text) => {
      assert.notEqual(ticketScope(text), undefined);
      assert.ok(text.length <= maxUsernameBytes);
    }),
  );
});

test("arbitrary text never throws in a reader of tickets and host ids", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      ticketFromText(text);
      ticketScope(text);
      assert.equal(hostIdBytes(text), undefined);
    }),
  );
});

test("a password is 43 characters of base64url: an HMAC under the key's ASCII characters", () => {
  fc.assert(
    fc.property(ticket, username, ({ password: secret }, name) => {
      const expected = createHmac("sha256", secret).update(name).digest("base64url");
      assert.equal(ticketPassword(nodePrimitives, secret, name), expected);
      assert.equal(expected.length, 43);
    }),
    { numRuns: 20 },
  );
});

test("a host id is 52 characters and names one key only", () => {
  fc.assert(
    fc.property(bytesOf(32), (publicKey) => {
      const id = hostIdText(publicKey);
      assert.match(id, /^[a-z2-7]{52}$/);
      assert.deepEqual(hostIdBytes(id), publicKey);
      assert.equal(hostIdBytes(id.toUpperCase()), undefined);
      assert.equal(hostIdBytes(id.slice(1)), undefined);
    }),
  );
});

function assertCanonical(text: string, bytes: Uint8Array | undefined, write: (bytes: Uint8Array) => string): void {
  if (bytes !== undefined) assert.equal(write(bytes), text);
}
