import assert from "node:assert/strict";
import { test } from "node:test";
import { ipText } from "@fractal-punch/machine";
import { networkFromText } from "@fractal-punch/server/core";
import fc from "fast-check";

test("a network is read from its lowest address and its length; a single address is a network of its own", () => {
  assert.equal(read("10.0.0.0/8"), "10.0.0.0/8");
  assert.equal(read("192.0.2.7"), "192.0.2.7/32");
  assert.equal(read("0.0.0.0/0"), "0.0.0.0/0");
  assert.equal(read("2001:DB8:0::/32"), "2001:db8::/32");
  assert.equal(read("2001:db8::1"), "2001:db8::1/128");
  assert.equal(read("::/0"), "::/0");
  assert.equal(read("fe80::/10"), "fe80::/10");
});

test("bits behind the prefix are an error, at every length", () => {
  const mistaken = ["10.0.0.5/8", "128.0.0.0/0", "192.0.2.1/31", "2001:db8::1/127", "2001:db8::/28", "fe90::/11"];
  for (const text of mistaken) assert.equal(read(text), undefined, text);
});

test("what is no network is refused", () => {
  const texts = [
    "",
    "/",
    "/8",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/08",
    "10.0.0.0/8.0",
    "10.0.0.0/8/8",
  ];
  texts.push(
    "10/8",
    "010.0.0.0/8",
    "10.0.0.0/255.0.0.0",
    " 10.0.0.0/8",
    "10.0.0.0/8\n",
    "10.0.0.1-10.0.0.9",
    "localhost",
  );
  texts.push("::/129", "::/1e1", "[::1]/128", "[::1]", "fe80::%eth0/64", "fe80::/64%eth0", "::1:80:/16", "*", "10.*");
  texts.push("::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "::ffff:0:0/96");
  for (const text of texts) assert.equal(read(text), undefined, JSON.stringify(text));
});

test("no text makes the reader throw", () => {
  const pieces = fc.constantFrom("1", "10", "0", ".", ":", "::", "/", "8", "128", "%", "ffff", " ", "-");
  fc.assert(fc.property(fc.string({ unit: pieces, maxLength: 12 }), (text) => void networkFromText(text)));
});

function read(text: string): string | undefined {
  const network = networkFromText(text);
  return network && `${ipText(network.address)}/${network.bits}`;
}
