/** Who may be relayed to: IANA's registries at their edges, the lists, and the incidents of other TURN servers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressFromBytes, addressFromIpText, ipBytes, ipText } from "@fractal-punch/machine";
import { type Network, networkFromText, type RefusalWord, RelayPolicy } from "@fractal-punch/server/core";
import fc from "fast-check";

/** What the table says of an address that may be relayed to. */
const ok = "ok";
/** The end of the address space. */
const none = "none";
type Expected = RefusalWord | typeof ok | typeof none;

/** Network; the address before it, its first, its last, the one after it. */
type Row = readonly [string, Expected, Expected, Expected, Expected];

const ip4Registry: readonly Row[] = [
  ["0.0.0.0/8", none, "unspecified", "unspecified", ok],
  ["0.0.0.0/32", none, "unspecified", "unspecified", "unspecified"],
  ["10.0.0.0/8", ok, "private", "private", ok],
  ["100.64.0.0/10", ok, "shared", "shared", ok],
  ["127.0.0.0/8", ok, "loopback", "loopback", ok],
  ["169.254.0.0/16", ok, "link-local", "link-local", ok],
  ["172.16.0.0/12", ok, "private", "private", ok],
  ["192.0.0.0/24", ok, "reserved", "reserved", ok],
  ["192.0.0.0/29", ok, "reserved", "reserved", "reserved"],
  ["192.0.0.8/32", "reserved", "reserved", "reserved", "reserved"],
  ["192.0.0.9/32", "reserved", "reserved", "reserved", "reserved"],
  ["192.0.0.10/32", "reserved", "reserved", "reserved", "reserved"],
  ["192.0.0.170/31", "reserved", "reserved", "reserved", "reserved"],
  ["192.0.2.0/24", ok, "documentation", "documentation", ok],
  ["192.31.196.0/24", ok, ok, ok, ok],
  ["192.52.193.0/24", ok, ok, ok, ok],
  ["192.88.99.0/24", ok, "reserved", "reserved", ok],
  ["192.88.99.2/32", "reserved", "reserved", "reserved", "reserved"],
  ["192.168.0.0/16", ok, "private", "private", ok],
  ["192.175.48.0/24", ok, ok, ok, ok],
  ["198.18.0.0/15", ok, "reserved", "reserved", ok],
  ["198.51.100.0/24", ok, "documentation", "documentation", ok],
  ["203.0.113.0/24", ok, "documentation", "documentation", ok],
  ["224.0.0.0/4", ok, "multicast", "multicast", "reserved"],
  ["240.0.0.0/4", "multicast", "reserved", "broadcast", none],
  ["255.255.255.255/32", "reserved", "broadcast", "broadcast", none],
];

const ip6Registry: readonly Row[] = [
  ["::/128", none, "unspecified", "unspecified", "loopback"],
  ["::1/128", "unspecified", "loopback", "loopback", "transition"],
  ["::/96", none, "unspecified", "transition", "reserved"],
  ["::ffff:0:0:0/96", "reserved", "transition", "transition", "reserved"],
  ["64:ff9b::/96", "reserved", "unspecified", "broadcast", "reserved"],
  ["64:ff9b::808:0/112", ok, ok, ok, ok],
  ["64:ff9b:1::/48", "reserved", "transition", "transition", "reserved"],
  ["100::/64", "reserved", "reserved", "reserved", "reserved"],
  ["100:0:0:1::/64", "reserved", "reserved", "reserved", "reserved"],
  ["2000::/3", "reserved", ok, ok, "reserved"],
  ["2001::/23", ok, "transition", "reserved", ok],
  ["2001::/32", ok, "transition", "transition", "reserved"],
  ["2001:1::1/128", "reserved", "reserved", "reserved", "reserved"],
  ["2001:1::2/127", "reserved", "reserved", "reserved", "reserved"],
  ["2001:2::/48", "reserved", "reserved", "reserved", "reserved"],
  ["2001:3::/32", "reserved", "reserved", "reserved", "reserved"],
  ["2001:4:112::/48", "reserved", "reserved", "reserved", "reserved"],
  ["2001:10::/28", "reserved", "reserved", "reserved", "reserved"],
  ["2001:20::/28", "reserved", "reserved", "reserved", "reserved"],
  ["2001:30::/28", "reserved", "reserved", "reserved", "reserved"],
  ["2001:db8::/32", ok, "documentation", "documentation", ok],
  ["2002::/16", ok, "transition", "transition", ok],
  ["2620:4f:8000::/48", ok, ok, ok, ok],
  ["3fff::/20", ok, "documentation", "documentation", ok],
  ["5f00::/16", "reserved", "reserved", "reserved", "reserved"],
  ["fc00::/7", "reserved", "private", "private", "reserved"],
  ["fe80::/10", "reserved", "link-local", "link-local", "private"],
  ["fec0::/10", "link-local", "private", "private", "multicast"],
  ["ff00::/8", "private", "multicast", "multicast", none],
];

const metadata = ["169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "169.254.42.42"];
metadata.push("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254");
metadata.push("fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200", "fe80::a9fe:a9fe");

/** One of each kind that is refused. */
const forbidden = ["0.0.0.0", "0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254"];
forbidden.push("169.254.1.1", "172.31.0.1", "192.0.0.9", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1");
forbidden.push("203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16");

const everything = ["0.0.0.0/0", "::/0"];
const plain: RelayPolicy = policy({});

test("each entry of IANA's registries is judged at its first and last address, and so are its neighbours", () => {
  for (const [network, ...expected] of [...ip4Registry, ...ip6Registry]) {
    const found = edges(network).map((address) => (address === undefined ? none : (plain.refusal(address) ?? ok)));
    assert.deepEqual(found, expected, network);
  }
});

test("metadata services of clouds are refused whatever is allowed", () => {
  for (const text of metadata) {
    for (const lists of [{}, { allow: [text] }, { allow: everything }]) {
      assert.equal(policy(lists).refusal(ip(text)), "metadata", text);
    }
  }
  assert.equal(plain.refusal(ip("168.63.129.15")), undefined);
  assert.equal(plain.refusal(ip("168.63.129.17")), undefined);
});

test("a forbidden IPv4 address is refused in every disguise, also when all of IPv6 is allowed", () => {
  for (const text of forbidden) {
    for (const disguise of disguises(ip(text))) {
      assert.notEqual(plain.refusal(disguise), undefined, `${text} as ${ipText(disguise)}`);
      assert.notEqual(policy({ allow: ["::/0"] }).refusal(disguise), undefined, `${text} as ${ipText(disguise)}`);
    }
  }
});

test("whatever the lists, an IPv4 address that is refused is refused in every disguise", () => {
  fc.assert(
    fc.property(anyIp4(), anyLists(), (address, lists) => {
      const relay = new RelayPolicy(lists);
      if (relay.refusal(address) === undefined) return;
      for (const disguise of disguises(address)) assert.notEqual(relay.refusal(disguise), undefined, ipText(disguise));
    }),
    { numRuns: 1000 },
  );
});

test("of a permitted IPv4 address, NAT64's and ISATAP's form is permitted, and every tunnel's is refused", () => {
  const names = ["64:ff9b::808:808", "2a00:1450::5efe:808:808", "2a00:1450::200:5efe:808:808"];
  for (const text of names) assert.equal(plain.refusal(ip(text)), undefined, text);
  const tunnels = ["2002:808:808::1", "2001:0:808:808:0:3fff:f7f7:f7f7", "::8.8.8.8", "64:ff9b:1::808:808"];
  for (const text of tunnels) {
    assert.equal(plain.refusal(ip(text)), "transition", text);
    assert.equal(policy({ allow: [text, ...everything] }).refusal(ip(text)), "transition", text);
  }
});

test("the allowed IPv4 address behind NAT64 is allowed, too", () => {
  const relay = policy({ allow: ["10.0.0.0/8"] });
  assert.equal(relay.refusal(ip("64:ff9b::10.1.2.3")), undefined);
  assert.equal(relay.refusal(ip("64:ff9b::192.168.1.1")), "private");
});

test("public addresses may be relayed to", () => {
  fc.assert(fc.property(publicIp4(), (address) => assert.equal(plain.refusal(address), undefined, ipText(address))));
  fc.assert(fc.property(publicIp6(), (address) => assert.equal(plain.refusal(address), undefined, ipText(address))));
});

test("allowing opens private, shared, loopback, link-local, documentation and reserved networks", () => {
  const texts = ["10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "192.0.2.1", "240.0.0.1", "::1", "fd12::1"];
  for (const text of [...texts, "fe80::1", "2001:db8::1", "4000::1"]) {
    assert.notEqual(plain.refusal(ip(text)), undefined, text);
    assert.equal(policy({ allow: [text] }).refusal(ip(text)), undefined, text);
    assert.equal(policy({ allow: everything }).refusal(ip(text)), undefined, text);
  }
});

test("allowing does not open the unspecified address, multicast and broadcast", () => {
  const relay = policy({ allow: everything });
  for (const text of ["0.0.0.0", "0.1.2.3", "::"]) assert.equal(relay.refusal(ip(text)), "unspecified", text);
  for (const text of ["224.0.0.251", "ff02::fb", "ff0e::1"]) assert.equal(relay.refusal(ip(text)), "multicast", text);
  assert.equal(relay.refusal(ip("255.255.255.255")), "broadcast");
});

test("denying goes before allowing, however small the allowed network, and reaches through NAT64", () => {
  const relay = policy({ deny: ["8.8.0.0/16", "2a00::/16"], allow: ["8.8.8.8", "2a00::1", "64:ff9b::808:808"] });
  for (const text of ["8.8.8.8", "8.8.0.0", "2a00::1", "64:ff9b::808:808"]) {
    assert.equal(relay.refusal(ip(text)), "denied", text);
  }
  assert.equal(relay.refusal(ip("8.9.0.0")), undefined);
});

test("the lists do what walking through them would do", () => {
  fc.assert(
    fc.property(fc.oneof(anyIp4(), publicIp6()), anyLists(), (address, lists) => {
      const { allow, deny, own } = lists;
      const byDefault = plain.refusal(address);
      const opened = byDefault !== undefined && plainNever.has(byDefault) ? byDefault : undefined;
      let expected = allow.some((network) => contains(network, address)) ? opened : byDefault;
      if (deny.some((network) => contains(network, address))) expected = "denied";
      if (own.some((known) => known.ip === address.ip)) expected = "own";
      assert.equal(new RelayPolicy(lists).refusal(address), expected);
    }),
    { numRuns: 1000 },
  );
});

test("port 0 is refused where the port matters, and only there", () => {
  const peer = { ...ip("8.8.8.8"), port: 0 };
  assert.equal(plain.refusal(peer), "port-0");
  assert.equal(plain.ipRefusal(peer), undefined);
  assert.equal(plain.ipRefusal({ ...ip("10.0.0.1"), port: 0 }), "private");
});

test("Slack's TURN server, 2018: no address of the network that the server stands in is relayed to", () => {
  const inside = ["10.0.0.2", "10.255.0.7", "172.16.0.1", "172.31.255.254", "192.168.10.10", "169.254.169.254"];
  for (const text of [...inside, "127.0.0.1", "fd00:ec2::254", "fd12:3456::1", "100.64.3.4"]) {
    assert.notEqual(plain.refusal(ip(text)), undefined, text);
  }
});

test("CVE-2020-26262: 0.0.0.0, ::1 and :: do not lead to the server's loopback", () => {
  for (const text of ["0.0.0.0", "::1", "::", "127.0.0.1", "127.1.2.3"]) {
    assert.notEqual(plain.refusal(ip(text)), undefined, text);
  }
});

test("CVE-2026-27624: an IPv4-mapped address is no address, and no network of a list", () => {
  for (const text of ["127.0.0.1", "8.8.8.8", "10.0.0.1"]) {
    assert.equal(addressFromIpText(`::ffff:${text}`, 3478), undefined);
    assert.equal(addressFromBytes(patched("::", [10, [255, 255]], [12, ipBytes(ip(text))]), 3478), undefined);
    assert.equal(networkFromText(`::ffff:${text}`), undefined);
  }
});

test("coturn #1946, #1947: the server's own addresses are refused, also those that it learns later, and when allowed", () => {
  const relay = policy({ own: ["9.9.9.9", "10.0.0.5", "2a00::9"], allow: ["9.9.9.9", "10.0.0.0/8", ...everything] });
  for (const text of ["9.9.9.9", "10.0.0.5", "2a00::9", "64:ff9b::9.9.9.9", "2a01::5efe:9.9.9.9"]) {
    assert.equal(relay.refusal(ip(text)), "own", text);
  }
  assert.equal(relay.refusal(ip("9.9.9.10")), undefined);
  relay.learnOwn([ip("9.9.9.10")]);
  assert.equal(relay.refusal({ ...ip("9.9.9.10"), port: 5432 }), "own");
  for (const text of ["fe80::1", "fd12:3456::1", "169.254.3.4"]) assert.notEqual(plain.refusal(ip(text)), undefined);
});

test("pion's default permissions: without any lists no private address is open", () => {
  for (const text of ["10.0.0.1", "172.16.0.1", "192.168.0.1", "fd00::1"]) {
    assert.equal(plain.refusal(ip(text)), "private", text);
  }
});

test("RFC 8656 section 21.4: nothing is relayed into Teredo and 6to4, whatever address they carry", () => {
  const relay = policy({ allow: everything });
  fc.assert(
    fc.property(fc.constantFrom("2002::", "2001::"), fc.uint8Array({ minLength: 12, maxLength: 12 }), (start, rest) => {
      const address = addressFromBytes(patched(start, [4, rest]), 3478);
      assert(address);
      assert.equal(relay.refusal(address), "transition");
    }),
  );
});

const plainNever: ReadonlySet<RefusalWord> = new Set(["unspecified", "metadata", "multicast", "broadcast"]);

interface Texts {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly own?: readonly string[];
}

function policy({ allow = [], deny = [], own = [] }: Texts): RelayPolicy {
  return new RelayPolicy({ allow: allow.map(networkOf), deny: deny.map(networkOf), own: own.map(ip) });
}

function ip(text: string): Address {
  const address = addressFromIpText(text, 3478);
  assert(address, text);
  return address;
}

function networkOf(text: string): Network {
  const found = networkFromText(text);
  assert(found, text);
  return found;
}

/** The address before the network, its first, its last, and the one after it. */
function edges(text: string): (Address | undefined)[] {
  const { address, bits } = networkOf(text);
  const allBits = 8 * ipBytes(address).length;
  const first = numberOf(address);
  const after = first + (1n << BigInt(allBits - bits));
  return [first - 1n, first, after - 1n, after].map((number) => {
    if (number < 0n || number >> BigInt(allBits) > 0n) return undefined;
    const hex = number.toString(16).padStart(allBits / 4, "0");
    return addressFromBytes(Uint8Array.from(Buffer.from(hex, "hex")), 3478);
  });
}

function numberOf(address: Address): bigint {
  return BigInt(`0x${Buffer.from(ipBytes(address)).toString("hex")}`);
}

function contains({ address: lowest, bits }: Network, address: Address): boolean {
  if (lowest.family !== address.family) return false;
  const rest = BigInt((lowest.family === 4 ? 32 : 128) - bits);
  return numberOf(lowest) >> rest === numberOf(address) >> rest;
}

/** The IPv6 addresses that carry the IPv4 one; ::1 carries none. */
function disguises(address: Address): Address[] {
  const bytes = ipBytes(address);
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const global = "2a00:1450:4001::";
  const forms = [
    patched("::", [12, bytes]),
    patched("::ffff:0:0:0", [12, bytes]),
    patched("64:ff9b::", [12, bytes]),
    patched("64:ff9b:1::", [6, [a, b, 0, c, d]]),
    patched("64:ff9b:1::", [7, [a, 0, b, c, d]]),
    patched("64:ff9b:1::", [9, bytes]),
    patched("64:ff9b:1::", [12, bytes]),
    patched("2002::", [2, bytes]),
    patched("2002::1", [2, bytes]),
    patched("2001::", [4, bytes], [12, [0xf7, 0xf7, 0xf7, 0xf7]]),
    patched("2001:0:808:808::", [12, bytes.map((byte) => byte ^ 0xff)]),
    patched(global, [8, [0, 0, 0x5e, 0xfe]], [12, bytes]),
    patched(global, [8, [2, 0, 0x5e, 0xfe]], [12, bytes]),
    patched("fe80::", [8, [0, 0, 0x5e, 0xfe]], [12, bytes]),
  ];
  const found = forms.map((form) => {
    const disguise = addressFromBytes(form, address.port);
    assert(disguise);
    return disguise;
  });
  return found.filter((disguise) => ipText(disguise) !== "::1");
}

function patched(text: string, ...patches: (readonly [number, ArrayLike<number>])[]): Uint8Array {
  const bytes = ipBytes(ip(text));
  for (const [at, values] of patches) bytes.set(values, at);
  return bytes;
}

/** Two of three are at the edges of the registry's networks, or forbidden. */
function anyIp4(): fc.Arbitrary<Address> {
  const number = fc.nat(0xffff_ffff).map((value): Address => ({ family: 4, ip: value, port: 3478 }));
  const near = fc.constantFrom(...ip4Registry.flatMap(([text]) => edges(text).filter((edge) => edge !== undefined)));
  return fc.oneof(number, near, fc.constantFrom(...forbidden.map(ip)));
}

function publicIp4(): fc.Arbitrary<Address> {
  const whole = fc.constantFrom(1, 5, 9, 11, 62, 99, 101, 126, 128, 167, 170, 171, 173, 191, 193, 197, 204, 223);
  return fc
    .tuple(whole, fc.nat(0xff_ffff))
    .map(([first, rest]): Address => ({ family: 4, ip: first * 0x100_0000 + rest, port: 3478 }));
}

/** Within 2400::/6, and not of ISATAP's form. */
function publicIp6(): fc.Arbitrary<Address> {
  return fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .map((bytes) => {
      const address = addressFromBytes(Uint8Array.of(0x24 | ((bytes[0] ?? 0) & 3), ...bytes.subarray(1)), 3478);
      assert(address);
      return address;
    })
    .filter((address) => !ipText(address).includes(":5efe:"));
}

interface AnyLists {
  readonly allow: Network[];
  readonly deny: Network[];
  readonly own: Address[];
}

/** Networks so large that the addresses above are often in one of them. */
function anyLists(): fc.Arbitrary<AnyLists> {
  const texts = [...ip4Registry, ...ip6Registry].map(([text]) => text);
  const halves = ["0.0.0.0/1", "128.0.0.0/1", "2400::/6", "2400::/7", "2600::/7", "2680::/9", "64:ff9b::/96"];
  const networks = fc.array(fc.constantFrom(...texts, ...halves, ...everything).map(networkOf), { maxLength: 6 });
  return fc.record({ allow: networks, deny: networks, own: fc.array(anyIp4(), { maxLength: 3 }) });
}
