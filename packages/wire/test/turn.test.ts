import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "@fractal-punch/machine";
import {
  Attribute,
  additionalFamilyOf,
  beginAllocated,
  connectionIdOf,
  ErrorCode,
  encodeConnectionAttempt,
  encodeDataIndication,
  encodeIcmpIndication,
  evenPortOf,
  icmpErrorOf,
  lifetimeOf,
  MessageClass,
  Method,
  requestedFamilyOf,
  requestedTransportOf,
  reservationTokenOf,
  StunBuilder,
  StunMessage,
  Transport,
  xorAddress,
  xorAddresses,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { address, bytesOf, bytesUpTo, ip4, ip6, u32 } from "./arbitraries.ts";

const id = new Uint8Array(12).fill(7);
const peer: Address = { family: 4, ip: 0xc000_0201, port: 9 };

for (const [name, type, read, values] of [
  [
    "REQUESTED-TRANSPORT",
    Attribute.requestedTransport,
    requestedTransportOf,
    { "11000000": Transport.udp, "06000000": Transport.tcp, "11ffffff": 17, "00000000": 0, "11": undefined },
  ],
  [
    "REQUESTED-ADDRESS-FAMILY",
    Attribute.requestedAddressFamily,
    requestedFamilyOf,
    { "01000000": 4, "02000000": 6, "02ffffff": 6, "00000000": "unsupported", "03000000": "unsupported" },
  ],
  [
    "ADDITIONAL-ADDRESS-FAMILY",
    Attribute.additionalAddressFamily,
    additionalFamilyOf,
    { "01000000": 4, "02000000": 6, ff000000: "unsupported", "02": undefined },
  ],
  ["EVEN-PORT", Attribute.evenPort, evenPortOf, { "00": "even", "7f": "even", "80": "pair", ff: "pair" }],
  ["LIFETIME", Attribute.lifetime, lifetimeOf, { "00000000": 0, "00000e10": 3600, ffffffff: 0xffff_ffff }],
  ["CONNECTION-ID", Attribute.connectionId, connectionIdOf, { "00000000": 0, deadbeef: 0xdead_beef }],
  [
    "RESERVATION-TOKEN",
    Attribute.reservationToken,
    reservationTokenOf,
    { "0102030405060708": Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  ],
  [
    "ICMP",
    Attribute.icmp,
    icmpErrorOf,
    {
      "0000060300000000": { type: 3, code: 3, data: 0 },
      "0000060400000578": { type: 3, code: 4, data: 1400 },
      ffffffffffffffff: { type: 127, code: 511, data: 0xffff_ffff },
    },
  ],
] as const)
  test(`${name} is read; absent, or in another length, it is not`, () => {
    for (const [hex, expected] of Object.entries(values)) {
      const value = Uint8Array.from(Buffer.from(hex, "hex"));
      assert.deepEqual(read(withAttribute(type, value)), expected, hex);
      for (let length = 0; length < value.length; length++)
        assert.equal(read(withAttribute(type, value.subarray(0, length))), undefined);
      assert.equal(read(withAttribute(type, Uint8Array.of(...value, 0))), undefined);
    }
    assert.equal(read(withAttribute(Attribute.dontFragment, new Uint8Array(0))), undefined);
  });

test("a Data indication comes through", () => {
  fc.assert(
    fc.property(address, bytesUpTo(1100), bytesOf(12), (from, data, transactionId) => {
      const message = loaded(encodeDataIndication(new StunBuilder(), transactionId, from, data));
      assert.deepEqual([message.method, message.messageClass], [Method.data, MessageClass.indication]);
      assert.deepEqual(message.transactionId, transactionId);
      assert.deepEqual(xorAddresses(message, Attribute.xorPeerAddress), [from]);
      assert.deepEqual(message.value(Attribute.data), data);
    }),
  );
});

test("a Data indication is written up to the size of its builder, and not above it", () => {
  const [own] = fc.sample(ip6, 1);
  for (const [from, overheadBytes] of [
    [peer, 36],
    [own ?? peer, 48],
  ] as const)
    for (const capacity of [200, 1232, 65_532]) {
      const builder = new StunBuilder(capacity);
      const most = capacity - overheadBytes;
      assert.equal(encodeDataIndication(builder, id, from, new Uint8Array(most))?.length, capacity);
      assert.equal(encodeDataIndication(builder, id, from, new Uint8Array(most - 1))?.length, capacity);
      for (const more of [1, 2, 3, 4, 70_000])
        assert.equal(encodeDataIndication(builder, id, from, new Uint8Array(most + more)), undefined);
    }
});

test("a ConnectionAttempt comes through", () => {
  fc.assert(
    fc.property(address, u32, bytesOf(12), (from, connectionId, transactionId) => {
      const message = loaded(encodeConnectionAttempt(new StunBuilder(), transactionId, from, connectionId));
      assert.deepEqual([message.method, message.messageClass], [Method.connectionAttempt, MessageClass.indication]);
      assert.deepEqual(xorAddresses(message, Attribute.xorPeerAddress), [from]);
      assert.equal(connectionIdOf(message), connectionId);
    }),
  );
});

test("an ICMP error comes through, and brings no DATA", () => {
  const icmp = fc.record({ type: fc.nat(127), code: fc.nat(511), data: u32 }, { noNullPrototype: true });
  fc.assert(
    fc.property(address, icmp, (from, error) => {
      const message = loaded(encodeIcmpIndication(new StunBuilder(), id, from, error));
      assert.deepEqual([message.method, message.messageClass], [Method.data, MessageClass.indication]);
      assert.deepEqual(xorAddress(message, Attribute.xorPeerAddress), from);
      assert.deepEqual(icmpErrorOf(message), error);
      assert.equal(message.has(Attribute.data), false);
    }),
  );
});

test("an Allocate's success comes through, with one relayed address or two", () => {
  const relayed = fc.oneof(
    ip4.map((one) => [one]),
    ip6.map((one) => [one]),
    fc.tuple(ip4, ip6),
  );
  const token = fc.option(bytesOf(8), { nil: undefined });
  const ticket = fc.option(bytesUpTo(200), { nil: undefined });
  fc.assert(
    fc.property(relayed, address, u32, token, ticket, (addresses, mapped, lifetimeSeconds, reservation, mobility) => {
      const builder = beginAllocated(new StunBuilder(), id, {
        relayed: addresses,
        mapped,
        lifetimeSeconds,
        ...(reservation && { reservationToken: reservation }),
        ...(mobility && { mobilityTicket: mobility }),
      });
      const message = loaded(builder.bytes());
      assert.deepEqual([message.method, message.messageClass], [Method.allocate, MessageClass.success]);
      assert.deepEqual(xorAddresses(message, Attribute.xorRelayedAddress), addresses);
      assert.deepEqual(xorAddress(message, Attribute.xorMappedAddress), mapped);
      assert.equal(lifetimeOf(message), lifetimeSeconds);
      assert.deepEqual(reservationTokenOf(message), reservation);
      assert.deepEqual(message.value(Attribute.mobilityTicket), mobility);
      assert.equal(message.has(Attribute.addressErrorCode), false);
    }),
  );
});

test("a family that could not be had is named in ADDRESS-ERROR-CODE, with the code and the reason", () => {
  for (const [family, code, hex] of [
    [6, ErrorCode.addressFamilyNotSupported, "02000428"],
    [4, ErrorCode.serverFull, "01000508"],
  ] as const) {
    const refusedFamily = { family, code, reason: "why" };
    const allocated = { relayed: [peer], mapped: peer, lifetimeSeconds: 600, refusedFamily };
    const message = loaded(beginAllocated(new StunBuilder(), id, allocated).bytes());
    const value = message.value(Attribute.addressErrorCode) ?? new Uint8Array(0);
    assert.equal(Buffer.from(value).toString("hex"), `${hex}${Buffer.from("why").toString("hex")}`);
  }
});

function withAttribute(type: number, value: Uint8Array): StunMessage {
  const builder = new StunBuilder().begin(MessageClass.request, Method.allocate, id);
  return loaded(builder.attribute(type, value).bytes());
}

function loaded(bytes: Uint8Array | undefined): StunMessage {
  const message = new StunMessage();
  assert.ok(bytes);
  assert.equal(message.load(bytes), undefined);
  return message;
}
