import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { resolveUdpAddress } from "../dist/udp-address.js";

test("--udp takes an IPv4 address, an IPv6 address in brackets, a name, and a port alone", async () => {
  assert.equal(await read("192.0.2.1:47998"), "192.0.2.1:47998");
  assert.equal(await read("[::1]:47998"), "[::1]:47998");
  assert.equal(await read("47998"), "127.0.0.1:47998");
  assert.match(await read("localhost:5000"), /^(127\.0\.0\.1|\[::1\]):5000$/);
});

test("a port of 0 is taken only where the system may choose", async () => {
  assert.equal(addressText(await resolveUdpAddress("127.0.0.1:0", true)), "127.0.0.1:0");
  await assert.rejects(read("127.0.0.1:0"), { code: "USAGE" });
});

test("what is no address and port is refused in a sentence that shows the form", async () => {
  for (const text of ["", "127.0.0.1", "::1:5000", "127.0.0.1:70000", "127.0.0.1:x", "a b:5:5", "-1"])
    await assert.rejects(read(text), { code: "USAGE", message: /ADDR:PORT, for example/ }, text);
});

test("an address with a zone, and an IPv4 address written as IPv6, are refused", async () => {
  for (const text of ["[fe80::1%lo]:5000", "[::ffff:127.0.0.1]:5000"])
    await assert.rejects(read(text), { code: "USAGE", message: /Give another address/ }, text);
});

test("a name that does not resolve is refused by name", async () => {
  await assert.rejects(read("nowhere.invalid:5000"), { code: "USAGE", message: /nowhere\.invalid/ });
});

async function read(text: string): Promise<string> {
  return addressText(await resolveUdpAddress(text, false));
}
