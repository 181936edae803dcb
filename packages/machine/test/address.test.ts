import assert from "node:assert/strict";
import { isIP, isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import {
  type Address,
  addressFromBytes,
  addressFromIpText,
  addressFromText,
  addressKey,
  addressScope,
  addressText,
  ipBytes,
  ipText,
  prefixKey,
  sameAddress,
  sameIp,
  withPort,
} from "@fractal-punch/machine";
import fc from "fast-check";

test("an address survives the way through its bytes", () => {
  fc.assert(
    fc.property(anyAddress(), (address) => {
      assert.deepEqual(addressFromBytes(ipBytes(address), address.port), address);
    }),
  );
});

test("an address survives the way through its text", () => {
  fc.assert(
    fc.property(anyAddress(), (address) => {
      assert.deepEqual(addressFromText(addressText(address)), address);
      assert.deepEqual(addressFromIpText(ipText(address), address.port), address);
    }),
  );
});

test("the text of an address is one that Node reads as the same family", () => {
  fc.assert(fc.property(anyAddress(), (address) => assert.equal(isIP(ipText(address)), address.family)));
});

test("IP text is taken exactly when Node takes it, but for IPv4-mapped addresses", () => {
  const characters = fc.constantFrom(
    "0",
    "1",
    "2",
    "5",
    "9",
    "10",
    "25",
    "a",
    "F",
    ":",
    "::",
    ".",
    "255",
    "ffff",
    "g",
    "%",
    " ",
  );
  const text = fc.oneof(
    fc.array(characters, { maxLength: 14 }).map((parts) => parts.join("")),
    fc.ipV4(),
    fc.ipV6(),
    nearlyIp(),
  );
  fc.assert(
    fc.property(text, (written) => {
      const expected = isIPv4(written) || (isIPv6(written) && !written.includes("%") && !isMapped(written));
      assert.equal(addressFromIpText(written, 1) !== undefined, expected);
    }),
    { numRuns: 3000 },
  );
});

// RFC 5952 sections 4 and 5.
const writings: readonly (readonly [written: string, canonical: string])[] = [
  ["2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"],
  ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AaAa", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["::0001", "::1"],
  ["1:0:0:0:0:0:0:0", "1::"],
  ["0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
  ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"],
  ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
  ["::192.0.2.33", "::c000:221"],
  ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
];

test("IPv6 addresses are written as RFC 5952 wants", () => {
  for (const [written, canonical] of writings) assert.equal(ipText(ip(written)), canonical, written);
});

test("IPv4-mapped IPv6 addresses are refused in every disguise", () => {
  for (const text of [
    "::ffff:192.0.2.1",
    "::FFFF:c000:201",
    "0:0:0:0:0:ffff:1.2.3.4",
    "::ffff:0:0",
    "0000::ffff:7f00:1",
  ])
    assert.equal(addressFromIpText(text, 1), undefined, text);
  const bytes = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1);
  assert.equal(addressFromBytes(bytes, 1), undefined);
  assert.equal(addressFromText("[::ffff:127.0.0.1]:80"), undefined);
});

const badTexts = [
  "",
  ":80",
  "192.0.2.1",
  "192.0.2.1:",
  "192.0.2.1:65536",
  "192.0.2.1:123456",
  "192.0.2.1:-1",
  "192.0.2.1:1e3",
  "192.0.2.1 :80",
  "192.0.2.256:80",
  "192.0.2:80",
  "192.0.2.1.1:80",
  "192.0.2.010:80",
  "[192.0.2.1]:80",
  "2001:db8::1:80",
  "[2001:db8::1]",
  "[2001:db8::1%eth9]:80",
  "[2001:db8::1]80",
  "[2001::db8::1]:80",
  "[:1]:80",
  "[1:]:80",
  "[:::]:80",
  "[1:2:3:4:5:6:7:8::]:80",
  "[1:2:3:4:5:6:7:8:9]:80",
  "[1:2:3:4:5:6:7]:80",
  "[12345::]:80",
  "[1.2.3.4::]:80",
  "[1.2.3.4::1]:80",
  "[::1.2.3.4:5]:80",
  "host.example:80",
];

test("text that is no address gives nothing", () => {
  for (const text of badTexts) assert.equal(addressFromText(text), undefined, text);
});

test("arbitrary text gives nothing or an address, and never throws", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), (text) => {
      const address = addressFromText(text);
      if (address !== undefined) assert.deepEqual(addressFromText(addressText(address)), address);
    }),
  );
});

test("bytes of any length but 4 and 16 are no address", () => {
  for (let length = 0; length <= 40; length++) {
    const address = addressFromBytes(new Uint8Array(length), 1);
    assert.equal(address?.family, length === 4 ? 4 : length === 16 ? 6 : undefined);
  }
});

test("two addresses have the same key exactly when they are the same", () => {
  fc.assert(
    fc.property(nearbyAddresses(), ([a, b]) => {
      const same = addressText(a) === addressText(b);
      assert.equal(addressKey(a) === addressKey(b), same);
      assert.equal(sameAddress(a, b), same);
      assert.equal(sameIp(a, b), ipText(a) === ipText(b));
    }),
    { numRuns: 1000 },
  );
});

test("a key holds the largest address and port exactly", () => {
  assert.equal(addressKey({ family: 4, ip: 0xffff_ffff, port: 65_535 }), 2 ** 48 - 1);
  const key = addressKey({ ...ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), port: 65_535 });
  assert.equal(key, "\u00ff".repeat(18));
});

test("withPort changes the port only", () => {
  assert.equal(addressText(withPort(ip("2001:db8::1"), 9)), "[2001:db8::1]:9");
});

test("two addresses share a prefix key exactly when their leading bits are equal, at every length", () => {
  fc.assert(
    fc.property(sameFamilyPair(), ([a, b]) => {
      const [bitsA, bitsB] = [bitText(a), bitText(b)];
      for (let bits = 0; bits <= bitsA.length; bits++)
        assert.equal(prefixKey(a, bits) === prefixKey(b, bits), bitsA.slice(0, bits) === bitsB.slice(0, bits));
    }),
  );
});

// RFC 6890's registries, first and last address of each block that the scopes name, and their neighbours.
const scopes: readonly (readonly [scope: ReturnType<typeof addressScope>, ...ips: string[]])[] = [
  ["unspecified", "0.0.0.0", "0.255.255.255", "::"],
  ["loopback", "127.0.0.0", "127.255.255.255", "::1"],
  ["private", "10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255"],
  ["private", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["link-local", "169.254.0.0", "169.254.255.255", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["shared", "100.64.0.0", "100.127.255.255"],
  ["multicast", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255", "ff00::", "ff02::1"],
  ["global", "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"],
  ["global", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0"],
  ["global", "223.255.255.255", "::2", "1::1", "2001:db8::1", "fbff::", "fe00::", "fe7f::", "64:ff9b::1.2.3.4"],
];

test("the scope of an address follows RFC 6890's registries", () => {
  for (const [scope, ...ips] of scopes) for (const text of ips) assert.equal(addressScope(ip(text)), scope, text);
});

function ip(text: string): Address {
  const address = addressFromIpText(text, 0);
  assert.ok(address, text);
  return address;
}

function isMapped(text: string): boolean {
  const hostname = new URL(`http://[${text}]/`).hostname;
  return hostname.startsWith("[::ffff:") && /^\[::ffff:[0-9a-f]+:[0-9a-f]+\]$/.test(hostname);
}

function bitText(address: Address): string {
  return [...ipBytes(address)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
}

function addressOf(bytes: Uint8Array, port: number): Address[] {
  const address = addressFromBytes(bytes, port);
  return address === undefined ? [] : [address];
}

function anyIp(length: number): fc.Arbitrary<Uint8Array> {
  const byte = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 }));
  return fc.array(byte, { minLength: length, maxLength: length }).map((bytes) => Uint8Array.from(bytes));
}

function anyAddress(): fc.Arbitrary<Address> {
  const port = fc.integer({ min: 0, max: 65_535 });
  return fc
    .tuple(fc.constantFrom(4, 16).chain(anyIp), port)
    .map(([bytes, at]) => addressOf(bytes, at))
    .filter((found) => found.length === 1)
    .map(([address]) => address ?? ip("::"));
}

/** Two addresses that are equal, or differ in one bit, or are of any kind. */
function nearbyAddresses(): fc.Arbitrary<[Address, Address]> {
  return fc.oneof(fc.tuple(anyAddress(), anyAddress()), sameFamilyPair());
}

/** The second differs from the first in at most one bit of its IP and in nothing else. */
function sameFamilyPair(): fc.Arbitrary<[Address, Address]> {
  return fc.tuple(anyAddress(), fc.integer({ min: 0, max: 255 })).map(([a, flip]) => {
    const bytes = ipBytes(a);
    const at = flip >> 3;
    if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (0x80 >> (flip & 7));
    return [a, addressFromBytes(bytes, a.port) ?? a];
  });
}

function nearlyIp(): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("::ffff:1.2.3.4", "1.2.3.4::")),
      fc.nat(40),
      fc.constantFrom("", "0", ":", ".", "1"),
    )
    .map(([text, at, put]) => text.slice(0, at) + put + text.slice(at + 1));
}
