import assert from "node:assert/strict";
import { test } from "node:test";
import { addressFromIpText, addressText } from "@fractal-punch/machine";
import { mayBeNamed, OwnAddresses } from "../../dist/core/own-addresses.js";
import { ServerLink } from "../../dist/core/server-link.js";
import { at, testContext } from "./test-context.ts";

test("before a peer has shown itself, only addresses near us or near where the server saw it are probed", () => {
  const own = owning("10.1.2.3/16", "192.168.7.9/24", "fd00:1::5/64", "198.51.100.7/24", "100.64.0.5/30");
  const seen = [at("203.0.113.9:5000"), at("[2001:db8:9::3]:5000")];
  const table: readonly (readonly [address: string, near: boolean])[] = [
    ["10.1.200.4:1", true],
    ["10.2.0.4:1", false],
    ["192.168.7.200:1", true],
    ["192.168.8.1:1", false],
    ["172.16.0.1:1", false],
    ["169.254.1.1:1", false],
    ["100.64.0.6:1", true],
    ["100.64.0.9:1", false],
    ["198.51.100.8:1", false],
    ["203.0.113.9:6000", true],
    ["203.0.113.10:5000", false],
    ["127.0.0.1:5000", false],
    ["[fd00:1::77]:1", true],
    ["[fd00:2::77]:1", false],
    ["[2001:db8:9::ffff]:1", true],
    ["[2001:db8:9:1::3]:1", false],
    ["[fe80::1]:1", false],
    ["[::1]:1", false],
  ];
  for (const [address, near] of table) assert.equal(own.isNear(at(address), seen), near, address);
});

test("an IPv4 subnet says nothing of IPv6 addresses, whatever their bytes", () => {
  const own = owning("0.0.0.1/0");
  assert.equal(own.isNear(at("[fd00::1]:1"), []), false);
  assert.equal(own.isNear(at("10.0.0.1:1"), []), true);
});

test("a peer may not name what belongs to this machine alone, or to a group", () => {
  const table: readonly (readonly [address: string, may: boolean])[] = [
    ["192.0.2.1:1", true],
    ["10.0.0.1:1", true],
    ["169.254.1.1:1", true],
    ["[2001:db8::1]:1", true],
    ["[fd00::1]:1", true],
    ["[fe80::1]:1", true],
    ["127.0.0.1:1", false],
    ["127.255.0.9:1", false],
    ["0.0.0.0:1", false],
    ["0.1.2.3:1", false],
    ["224.0.0.1:1", false],
    ["239.255.255.250:1900", false],
    ["255.255.255.255:1", false],
    ["[::]:1", false],
    ["[::1]:1", false],
    ["[ff02::1]:1", false],
  ];
  for (const [address, may] of table) assert.equal(mayBeNamed(at(address)), may, address);
});

test("candidates are the server-reflexive addresses, then those of the interfaces with the socket's port", () => {
  const own = owning("10.1.2.3/16", "192.0.2.50/24", "2001:db8:7::2/64");
  const links = [link("0.0.0.0:40000", "203.0.113.9:61000"), link("[::]:40006", "[2001:db8:7::2]:40006")];
  assert.deepEqual(texts(own, links), [
    "server-reflexive 203.0.113.9:61000",
    "server-reflexive [2001:db8:7::2]:40006",
    "host 10.1.2.3:40000",
    "host 192.0.2.50:40000",
  ]);
});

test("a socket whose public address is not known yet has its interfaces' addresses alone", () => {
  const own = owning("10.1.2.3/16");
  assert.deepEqual(texts(own, [link("0.0.0.0:40000"), link()]), ["host 10.1.2.3:40000"]);
});

test("there are at most eight candidates, the server-reflexive ones among them", () => {
  const own = owning(...Array.from({ length: 20 }, (_, index) => `10.0.${index}.1/24`));
  const candidates = own.candidates([link("0.0.0.0:40000", "203.0.113.9:61000")]);
  assert.equal(candidates.length, 8);
  assert.equal(candidates[0]?.kind, "server-reflexive");
});

function owning(...interfaces: string[]): OwnAddresses {
  const own = new OwnAddresses();
  own.interfaces = interfaces.map((text) => {
    const [ip = "", bits] = text.split("/");
    const address = addressFromIpText(ip, 0);
    assert(address, text);
    return { address, prefixBits: Number(bits) };
  });
  return own;
}

/** A socket's relation to the server: bound to `local`, seen as `mapped`. */
function link(local?: string, mapped?: string): ServerLink {
  const isIp6 = local?.startsWith("[") === true;
  const owner = {
    addressKnown: () => undefined,
    addressChanged: () => undefined,
    serverRestarted: () => undefined,
    serverSilent: () => undefined,
  };
  const made = new ServerLink(testContext(), owner, 1, at(isIp6 ? "[2001:db8::1]:48800" : "192.0.2.1:48800"));
  if (local !== undefined) made.opened(at(local));
  if (mapped !== undefined) made.mapped = at(mapped);
  return made;
}

function texts(own: OwnAddresses, links: readonly ServerLink[]): string[] {
  return own.candidates(links).map(({ kind, address }) => `${kind} ${addressText(address)}`);
}
