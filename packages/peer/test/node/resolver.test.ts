import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressFromIpText, addressText } from "@fractal-punch/machine";
import { type NameSystem, resolveServer, type ServerAddresses, serverFromText } from "../../dist/node/resolver.js";

test("names and addresses are read with a port and without", () => {
  const read: [string, string, number][] = [
    ["punch.example.com", "punch.example.com", 48_800],
    [" punch.example.com:3478\n", "punch.example.com", 3478],
    ["Punch.Example.COM.:65535", "punch.example.com", 65_535],
    ["localhost:1", "localhost", 1],
    ["bücher.example", "xn--bcher-kva.example", 48_800],
    ["192.0.2.1", "192.0.2.1", 48_800],
    ["192.0.2.1:48801", "192.0.2.1", 48_801],
    ["[2001:db8::1]", "2001:db8::1", 48_800],
    ["[2001:db8::1]:48801", "2001:db8::1", 48_801],
    ["2001:db8::1", "2001:db8::1", 48_800],
  ];
  for (const [text, name, port] of read) assert.deepEqual(serverFromText(text), { name, port });
});

test("a port that is none is refused by a sentence that says what a port is", () => {
  for (const port of ["0", "65536", "99999", "123456", "-1", "1e3", "http", "", " 1", "//punch.example.com"]) {
    const text = `punch.example.com:${port}`;
    assert.throws(() => serverFromText(text), {
      code: "USAGE",
      message: `The server "${text}" cannot be read: behind the colon there should be a port, a number from 1 to 65535, as in punch.example.com:48800.`,
    });
  }
  assert.throws(() => serverFromText("[2001:db8::1]:70000"), { code: "USAGE" });
});

test("what is neither a name nor an address is refused", () => {
  const bad = ["", " ", ":48800", "192.0.2.300", "010.1.1.1", "1.2", "a..b", "a b", "-a.example", "a/b", "user@a", "*"];
  const bad6 = ["[192.0.2.1]:1", "[fe80::1%eth0]:1", "[2001:db8::1", "2001:db8:::1", "[::ffff:192.0.2.1]:1", "[a]"];
  const long = [`${"a".repeat(64)}.example`, Array(64).fill("abc").join(".")];
  for (const text of [...bad, ...bad6, ...long]) {
    assert.throws(() => serverFromText(text), { code: "USAGE", message: /cannot be read: .*as in punch/ }, text);
  }
});

test("an address resolves to itself without a question to DNS", async () => {
  const asked: string[] = [];
  const system = systemWith({}, { asked });
  assert.deepEqual(told(await resolveServer(serverFromText("192.0.2.1:9"), [], system)), ["192.0.2.1:9"]);
  assert.deepEqual(told(await resolveServer(serverFromText("[2001:db8::1]:9"), [], system)), ["[2001:db8::1]:9"]);
  assert.deepEqual(asked, []);
});

test("a name resolves to all its addresses of both families, each once, in the system's order", async () => {
  const answers = ["192.0.2.2", "2001:db8::1", "192.0.2.1", "192.0.2.2", "::ffff:192.0.2.9"];
  const resolved = await resolveServer(
    { name: "a.example", port: 7 },
    ips("198.51.100.1"),
    systemWith({ "a.example": answers }),
  );
  assert.deepEqual(told(resolved), ["192.0.2.2:7", "192.0.2.1:7", "[2001:db8::1]:7"]);
  assert.equal(resolved.name, "a.example");
});

test("a name that is not found resolves to its last known addresses, with the port of now", async () => {
  const resolved = await resolveServer(
    { name: "gone.example", port: 7 },
    ips("192.0.2.1", "2001:db8::1"),
    systemWith({}),
  );
  assert.deepEqual(told(resolved), ["192.0.2.1:7", "[2001:db8::1]:7"]);
});

test("a name that is not found, or has no address that can be used, is said so by name", async () => {
  const server = { name: "gone.example", port: 7 };
  const notFound = "The server's name gone.example was not found. Check its spelling, and that this machine is online.";
  await assert.rejects(resolveServer(server, [], systemWith({})), { code: "SERVER_UNRESOLVED", message: notFound });
  const unusable = systemWith({ "gone.example": ["::ffff:192.0.2.1"] });
  await assert.rejects(resolveServer(server, [], unusable), { code: "SERVER_UNRESOLVED", message: notFound });
  await assert.rejects(resolveServer(server, [], systemWith({}, { failure: "EAI_AGAIN" })), {
    code: "SERVER_UNRESOLVED",
    message: "The server's name gone.example could not be looked up. Check that this machine is online.",
  });
  await assert.rejects(resolveServer(server, [], systemWith({}, { failure: "EAI_FAIL" })), {
    message: /not found \(EAI_FAIL\)/,
  });
});

test("the system's own resolver finds localhost, and finds nothing under .invalid", async () => {
  const found = await resolveServer({ name: "localhost", port: 7 });
  assert.ok(told(found).includes("127.0.0.1:7") || told(found).includes("[::1]:7"));
  await assert.rejects(resolveServer({ name: "host.invalid", port: 7 }), { code: "SERVER_UNRESOLVED" });
});

test("with IPv6 only here and IPv4 only there, NAT64's addresses are made for every length of prefix (RFC 6052)", async () => {
  const vectors = [
    ["2001:db8:c000:aa::", "2001:db8:c000:221::"],
    ["2001:db8:1c0:0:aa::", "2001:db8:1c0:2:21::"],
    ["2001:db8:122:c000:0:aa00::", "2001:db8:122:c000:2:2100::"],
    ["2001:db8:122:3c0:0:aa::", "2001:db8:122:3c0:0:221::"],
    ["2001:db8:122:344:c0:0:aa00:0", "2001:db8:122:344:c0:2:2100:0"],
    ["64:ff9b::c000:aa", "64:ff9b::c000:221"],
    ["64:ff9b::192.0.0.171", "64:ff9b::c000:221"],
  ] as const;
  for (const [wellKnown, expected] of vectors) {
    const system = systemWith({ "ipv4only.arpa": ["192.0.0.170", wellKnown] }, { hasIpv4: false });
    const resolved = await resolveServer({ name: "192.0.2.33", port: 7 }, [], system);
    assert.deepEqual(told(resolved), ["192.0.2.33:7", `[${expected}]:7`]);
  }
});

test("no address is made up where this machine has IPv4, the server has IPv6, or the network has no NAT64", async () => {
  const names = { "ipv4only.arpa": ["64:ff9b::c000:aa"], "both.example": ["192.0.2.1", "2001:db8::1"] };
  const here4 = await resolveServer({ name: "192.0.2.1", port: 7 }, [], systemWith(names));
  assert.deepEqual(here4.v6, []);
  const both = await resolveServer({ name: "both.example", port: 7 }, [], systemWith(names, { hasIpv4: false }));
  assert.deepEqual(told(both), ["192.0.2.1:7", "[2001:db8::1]:7"]);
  for (const answers of [undefined, ["192.0.0.170"], ["2001:db8::1"]]) {
    const system = systemWith(answers ? { "ipv4only.arpa": answers } : {}, { hasIpv4: false });
    assert.deepEqual((await resolveServer({ name: "192.0.2.1", port: 7 }, [], system)).v6, []);
  }
});

function systemWith(
  names: Record<string, string[]>,
  { hasIpv4 = true, failure = "ENOTFOUND", asked = [] }: { hasIpv4?: boolean; failure?: string; asked?: string[] } = {},
): NameSystem {
  return {
    lookup(name) {
      asked.push(name);
      const found = names[name];
      if (found !== undefined) return Promise.resolve(found);
      return Promise.reject(Object.assign(new Error(`getaddrinfo ${failure} ${name}`), { code: failure }));
    },
    hasIpv4: () => hasIpv4,
  };
}

function ips(...list: string[]): Address[] {
  return list.flatMap((text) => addressFromIpText(text, 1) ?? []);
}

function told({ v4, v6 }: ServerAddresses): string[] {
  return [...v4, ...v6].map(addressText);
}
