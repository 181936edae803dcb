import assert from "node:assert/strict";
import { test } from "node:test";
import { headerLength, hopsOf, rewrite, sourceOf, targetOf, transportOf } from "@fractal-punch/lab";
import { type Address, addressFromBytes, ipBytes } from "@fractal-punch/machine";
import fc from "fast-check";

test("a rewritten packet has the new addresses and hops, and the sums that a sender would have given it", () => {
  fc.assert(
    fc.property(change, ({ before, after }) => {
      const packet = viewOf(packetOf(before));
      rewrite(packet, after.source, after.target, after.hops);
      assert.deepEqual([sourceOf(packet), targetOf(packet), hopsOf(packet)], [after.source, after.target, after.hops]);
      assert.deepEqual(new Uint8Array(packet.buffer), packetOf(movedTo(after, before)));
    }),
  );
});

test("a wrong sum stays wrong, and an IPv4 datagram without a sum stays without", () => {
  fc.assert(
    fc.property(change, fc.integer({ min: 1, max: 0xfffe }), ({ before, after }, wrongBy) => {
      const sumAt = sumOffset(before);
      const spoilt = viewOf(packetOf(before));
      const right = spoilt.getUint16(sumAt);
      // Added as sums are, with the carry: 1 to 0xfffe changes every sum.
      const wrong = (right + wrongBy) % 0xffff || 0xffff;
      spoilt.setUint16(sumAt, wrong);
      rewrite(spoilt, after.source, after.target, after.hops);
      const sender = viewOf(packetOf(movedTo(after, before)));
      assert.notEqual(spoilt.getUint16(sumAt) % 0xffff, sender.getUint16(sumAt) % 0xffff);
      if (before.source.family === 6 || before.transport === "tcp") return;
      const unsummed = viewOf(packetOf(before));
      unsummed.setUint16(sumAt, 0);
      rewrite(unsummed, after.source, after.target, after.hops);
      assert.equal(unsummed.getUint16(sumAt), 0);
    }),
  );
});

test("the headers of one whole datagram or segment are 28 bytes long over IPv4 and 48 over IPv6", () => {
  fc.assert(
    fc.property(change, ({ before }) => {
      const bytes = packetOf(before);
      assert.equal(headerLength(viewOf(bytes), bytes.length), headersOf(before));
      assert.equal(transportOf(viewOf(bytes)), before.transport);
    }),
  );
});

test("fragments, options, extension headers, other protocols and wrong lengths are not read", () => {
  const datagram = packetOf(sample4);
  const spoilt: [name: string, offset: number, value: number][] = [
    ["a first fragment", 6, 0x20],
    ["a later fragment", 7, 1],
    ["options", 0, 0x46],
    ["ICMP", 9, 1],
    ["TCP without a whole header", 9, 6],
    ["another IP length", 3, 1],
    ["another UDP length", 25, 1],
  ];
  for (const [name, offset, value] of spoilt) {
    const bytes = datagram.slice();
    bytes[offset] = value;
    assert.equal(headerLength(viewOf(bytes), bytes.length), undefined, name);
  }
  const extended = packetOf({ ...sample4, source: sample6, target: sample6 });
  extended[6] = 0;
  assert.equal(headerLength(viewOf(extended), extended.length), undefined, "an extension header");
});

test("no bytes throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const arena = new Uint8Array(100);
      arena.set(bytes);
      headerLength(viewOf(arena), bytes.length);
    }),
  );
});

interface Parts {
  readonly transport: "udp" | "tcp";
  readonly source: Address;
  readonly target: Address;
  readonly hops: number;
  readonly payload: Uint8Array;
}

const port = fc.integer({ min: 1, max: 65_535 });
const hops = fc.integer({ min: 1, max: 255 });
const payload = fc.uint8Array({ maxLength: 1500 });
const sample4: Parts = {
  transport: "udp",
  source: addressOf([192, 0, 2, 1], 7),
  target: addressOf([192, 0, 2, 2], 8),
  hops: 64,
  payload: new Uint8Array(5),
};
const sample6: Address = addressOf(Array(16).fill(0x20), 9);

const change = fc.constantFrom(4, 16).chain((lengthBytes) => {
  const ip = fc.uint8Array({ minLength: lengthBytes, maxLength: lengthBytes });
  // The first bytes are not 0: no IPv4-mapped IPv6 address among them.
  const address = fc.tuple(ip, port).map(([bytes, number]) => addressOf([0x20, ...bytes.slice(1)], number));
  const transport = fc.constantFrom("udp", "tcp");
  const parts = fc.record({ transport, source: address, target: address, hops, payload });
  return fc.record({ before: parts, after: parts });
});

function addressOf(ip: readonly number[], number: number): Address {
  const address = addressFromBytes(Uint8Array.from(ip), number);
  assert.ok(address !== undefined);
  return address;
}

/** What a sender at the new place would have sent. */
function movedTo({ source, target, hops: hopLimit }: Parts, { transport, payload: content }: Parts): Parts {
  return { transport, source, target, hops: hopLimit, payload: content };
}

function headersOf({ source }: Parts): number {
  return source.family === 4 ? 28 : 48;
}

function sumOffset(parts: Parts): number {
  return headersOf(parts) + (parts.transport === "udp" ? -2 : 8);
}

/** A packet as a sender makes it, with sums over all of it. */
function packetOf(parts: Parts): Uint8Array {
  const { transport, source, target, hops: hopLimit, payload: content } = parts;
  const headers = headersOf(parts);
  const isUdp = transport === "udp";
  const bytes = new Uint8Array(headers + (isUdp ? 0 : 12) + content.length);
  const view = viewOf(bytes);
  const transportBytes = bytes.length - headers + 8;
  const protocol = isUdp ? 17 : 6;
  if (source.family === 4) {
    view.setUint16(0, 0x4500);
    view.setUint16(2, bytes.length);
    view.setUint8(8, hopLimit);
    view.setUint8(9, protocol);
    bytes.set([...ipBytes(source), ...ipBytes(target)], 12);
    view.setUint16(10, 0xffff - sumOf(bytes.subarray(0, 20)));
  } else {
    view.setUint8(0, 0x60);
    view.setUint16(4, transportBytes);
    view.setUint8(6, protocol);
    view.setUint8(7, hopLimit);
    bytes.set([...ipBytes(source), ...ipBytes(target)], 8);
  }
  view.setUint16(headers - 8, source.port);
  view.setUint16(headers - 6, target.port);
  if (isUdp) view.setUint16(headers - 4, transportBytes);
  else view.setUint8(headers + 4, 0x50);
  bytes.set(content, bytes.length - content.length);
  const pseudoHeader = [
    ...ipBytes(source),
    ...ipBytes(target),
    0,
    protocol,
    transportBytes >> 8,
    transportBytes & 0xff,
  ];
  const sum = 0xffff - sumOf(Uint8Array.from([...pseudoHeader, ...bytes.subarray(headers - 8)]));
  view.setUint16(sumOffset(parts), isUdp && sum === 0 ? 0xffff : sum);
  return bytes;
}

/** RFC 1071, an odd last byte filled up with a zero. */
function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return sum;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
