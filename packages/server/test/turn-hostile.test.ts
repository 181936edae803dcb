/** TURN against whatever comes: from strangers, from clients with valid credentials, and from peers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, addressFromIpText, addressText, ipBytes, ipText, sameAddress } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { Attribute, errorCodeOf, MessageClass, Method, StunBuilder, writeU16, xorAddresses } from "@fractal-punch/wire";
import fc from "fast-check";
import { type Attributes, damaged } from "./damaged-attributes.ts";
import { mended } from "./test-datagrams.ts";
import { at, load, type Sent } from "./test-server.ts";
import { dataOf, minted, TurnClient, TurnServer } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const peer = at("198.51.100.9:7000");
const stranger = at("203.0.113.66:6000");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("iroh-relay before 1.0.2: every TURN message cut at every length, from its client, a stranger and a peer, changes nothing", () => {
  const { server, client, relayed } = allocated();
  const before = server.server.sizes;
  const builder = new StunBuilder();
  for (const [name, bytes] of Object.entries(messagesOf(client))) {
    for (let length = 0; length < bytes.length; length++) {
      for (const piece of [bytes.subarray(0, length), mended(bytes.subarray(0, length))]) {
        goesTo(server.receive(home, piece), [home, peer], name);
        goesTo(server.receive(stranger, piece), [stranger], name);
        goesTo(server.fromPeer(peer, relayed, piece), [home], name);
        builder.begin(MessageClass.indication, Method.send, client.transactionId());
        goesTo(server.receive(home, builder.attribute(Attribute.data, piece).bytes()), [], name);
      }
    }
  }
  const { buckets: _, ...sizes } = server.server.sizes;
  assert.deepEqual({ ...sizes, buckets: before.buckets }, before);
});

test("an attribute that is repeated, of another length, moved or unknown gets one protected answer", () => {
  for (const [method, attributes] of requests) {
    for (const changed of damaged(attributes)) {
      const { server, client } = allocated(method !== Method.allocate);
      const answer = client.ask(method, (builder) => {
        for (const [type, value] of changed) builder.attribute(type, value);
      });
      const code = errorCodeOf(answer);
      const codes = [undefined, 400, 403, 420, 440, 442, 443, 508];
      assert(codes.includes(code), `${method}: ${code} to ${JSON.stringify(changed)}`);
      assert(server.server.sizes.allocations <= 1 && server.server.sizes.tuples <= 1);
      server.pass(defaultLimits.allocationLifeMs);
      assert.deepEqual([server.relays.size, server.server.nextWake()], [0, Infinity], "nothing is left of it");
    }
  }
});

test("requests and indications of any attributes reach nobody but the client and those who are permitted", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      const { server, client, relayed } = allocated();
      const permitted = new Set([ipText(peer)]);
      for (const { method, attributes, kind, byte } of steps) {
        const bytes = written(client, kind === "signed", method, attributes);
        if (kind === "mutated") bytes[byte % bytes.length] = byte >> 8;
        const sent = kind === "from-peer" ? server.fromPeer(peer, relayed, bytes) : server.receive(home, bytes);
        for (const { port, to, bytes: answer } of sent) {
          if (server.relays.has(port)) assert(permitted.has(ipText(to)), addressText(to));
          else assert(sameAddress(to, home), addressText(to));
          if (!server.relays.has(port) && kind === "signed") permittedBy(bytes, answer, permitted);
        }
        const { allocations, tuples } = server.server.sizes;
        assert(allocations <= 1 && tuples === allocations && server.relays.size <= 2);
      }
    }),
    { numRuns: 400 },
  );
});

test("ChannelData whose length lies is dropped when it says too much, and cut when it says less", () => {
  const { server, client } = allocated();
  client.bind(0x4001, peer);
  for (let there = 0; there <= 40; there++) {
    const bytes = Uint8Array.from({ length: 4 + there }, (_, i) => i);
    for (const said of [0, 1, 3, 4, 5, 39, 40, 41, 255, 0x7fff, 0xfffc, 0xffff]) {
      writeU16(bytes, 0, 0x4001);
      writeU16(bytes, 2, said);
      const sent = server.receive(home, bytes);
      assert.deepEqual(
        sent.map((one) => one.bytes),
        said > there ? [] : [bytes.subarray(4, 4 + said)],
      );
    }
  }
});

test("of all numbers that ChannelData can begin with, only the one that is bound reaches the peer", () => {
  const { server, client } = allocated();
  client.bind(0x4001, peer);
  for (let number = 0; number <= 0xffff; number++) {
    const sent = client.channelData(number, data).filter(({ port }) => server.relays.has(port));
    assert.equal(sent.length, number === 0x4001 ? 1 : 0, String(number));
  }
  for (const number of [0, 0x3fff, 0x8000, 0xffff]) assert.equal(client.bind(number, peer), 400);
});

test("datagrams of up to 65,507 bytes pass, as long as they fit into one with what is put before them", () => {
  const { server, client, relayed } = allocated();
  for (const length of [0, 1, 1232, 1233, 9000, 65_468, 65_469, 65_503, 65_504, 65_507]) {
    const large = new Uint8Array(length).fill(7);
    const [indication] = server.fromPeer(peer, relayed, large);
    assert.deepEqual(indication && dataOf(indication.bytes).data, length > 65_468 ? undefined : large);
  }
  client.bind(0x4001, peer);
  for (const length of [0, 1233, 65_503, 65_504, 65_507]) {
    const large = new Uint8Array(length).fill(7);
    assert.equal(server.fromPeer(peer, relayed, large)[0]?.bytes.length, length > 65_503 ? undefined : length + 4);
    if (length <= 65_503) assert.deepEqual(client.channelData(0x4001, large)[0]?.bytes, large);
  }
  const builder = new StunBuilder(65_507).begin(MessageClass.indication, Method.send, client.transactionId());
  builder.xorAddress(Attribute.xorPeerAddress, peer).attribute(Attribute.data, new Uint8Array(65_464));
  assert.equal(server.receive(home, builder.bytes())[0]?.bytes.length, 65_464);
  assert.deepEqual(server.receive(stranger, builder.bytes()), []);
});

test("what somebody sends to a relayed address who is not permitted reaches nobody", () => {
  const { server, client, relayed } = allocated();
  for (const bytes of [...Object.values(messagesOf(client)), data, new Uint8Array(0), new Uint8Array(65_507)])
    assert.deepEqual(server.fromPeer(stranger, relayed, bytes), []);
  assert(server.server.counters.dropped.of("no-permission") > 0);
});

/** A client with a relayed address, who has permitted the peer. */
function allocated(hasAllocation: boolean = true): { server: TurnServer; client: TurnClient; relayed: Address } {
  const rate = { perSecond: 1e6, burst: 1e6 };
  const server = new TurnServer({ limits: { unauthenticatedRate: rate, bindingRate: rate } });
  const client = new TurnClient(server, home, minted("bob"));
  if (!hasAllocation) return { server, client, relayed: home };
  const relayed = client.relayed();
  assert.equal(client.permit(peer), undefined);
  return { server, client, relayed };
}

function u32(...bytes: number[]): Uint8Array {
  return Uint8Array.of(...bytes, 0, 0, 0).subarray(0, 4);
}

/** XOR-PEER-ADDRESS; with IPv6 the transaction id of the message has to be all zero. */
function xored(address: Address): Uint8Array {
  const cookie = [0x21, 0x12, 0xa4, 0x42];
  const ip = ipBytes(address).map((byte, i) => byte ^ (cookie[i] ?? 0));
  const port = address.port ^ 0x2112;
  return Uint8Array.of(0, address.family === 4 ? 1 : 2, port >> 8, port & 0xff, ...ip);
}

const requests: readonly (readonly [method: number, attributes: Attributes])[] = [
  [
    Method.allocate,
    [
      [Attribute.requestedTransport, u32(17)],
      [Attribute.lifetime, u32(0, 0, 4, 0)],
      [Attribute.evenPort, Uint8Array.of(0)],
      [Attribute.additionalAddressFamily, u32(2)],
      [Attribute.mobilityTicket, new Uint8Array(0)],
    ],
  ],
  [
    Method.allocate,
    [
      [Attribute.requestedTransport, u32(17)],
      [Attribute.requestedAddressFamily, u32(2)],
    ],
  ],
  [
    Method.allocate,
    [
      [Attribute.requestedTransport, u32(17)],
      [Attribute.reservationToken, new Uint8Array(8)],
    ],
  ],
  [
    Method.refresh,
    [
      [Attribute.lifetime, u32(0, 0, 4, 0)],
      [Attribute.requestedAddressFamily, u32(1)],
      [Attribute.mobilityTicket, new Uint8Array(40).fill(7)],
    ],
  ],
  [
    Method.createPermission,
    [
      [Attribute.xorPeerAddress, xored(peer)],
      [Attribute.xorPeerAddress, xored(at("198.51.100.10:1"))],
    ],
  ],
  [
    Method.channelBind,
    [
      [Attribute.channelNumber, u32(0x40, 1)],
      [Attribute.xorPeerAddress, xored(peer)],
    ],
  ],
];

/** One valid message of every kind, by name. */
function messagesOf(client: TurnClient): Record<string, Uint8Array> {
  const messages: Record<string, Uint8Array> = { channelData: Uint8Array.of(0x40, 1, 0, 5, ...data) };
  for (const [index, [method, attributes]] of requests.entries())
    messages[`request ${index}`] = written(client, true, method, attributes);
  messages["challenge"] = written(client, false, Method.allocate, [[Attribute.requestedTransport, u32(17)]]);
  messages["send"] = written(client, false, Method.send, [
    [Attribute.xorPeerAddress, xored(peer)],
    [Attribute.data, data],
  ]);
  messages["data"] = written(client, false, Method.data, [
    [Attribute.xorPeerAddress, xored(peer)],
    [Attribute.data, data],
  ]);
  return messages;
}

/** A request with the client's credentials, or an indication; the transaction id is all zero. */
function written(client: TurnClient, isSigned: boolean, method: number, attributes: Attributes): Uint8Array {
  const write = (builder: StunBuilder): void => {
    for (const [type, value] of attributes) builder.attribute(type, value);
  };
  const id = new Uint8Array(12);
  if (isSigned) return client.request(method, write, id);
  const builder = new StunBuilder(4000).begin(MessageClass.indication, method, id);
  write(builder);
  return builder.bytes().slice();
}

function goesTo(sent: readonly Sent[], allowed: readonly Address[], name: string): void {
  for (const { to } of sent)
    assert(
      allowed.some((one) => sameAddress(one, to)),
      `${name} brought ${addressText(to)} something`,
    );
}

/** Notes whom a request that was granted has permitted. */
function permittedBy(request: Uint8Array, answer: Uint8Array, permitted: Set<string>): void {
  if (load(answer.slice()).messageClass !== MessageClass.success) return;
  for (const address of xorAddresses(load(request), Attribute.xorPeerAddress)) permitted.add(ipText(address));
}

const forbidden = [
  "127.0.0.1",
  "10.0.0.1",
  "0.0.0.0",
  "169.254.169.254",
  "192.0.2.1",
  "::1",
  "64:ff9b::7f00:1",
  "2002:7f00:1::",
];
const someAddress = fc
  .constantFrom(...forbidden, "198.51.100.9", "198.51.100.10", "2001:db8::9")
  .map((text) => xored(addressFromIpText(text, 80) ?? peer));
const anyBytes = fc.uint8Array({ maxLength: 24 });
const attribute = fc.oneof(
  fc.tuple(fc.constant(Attribute.xorPeerAddress), fc.oneof({ weight: 4, arbitrary: someAddress }, anyBytes)),
  fc.tuple(
    fc.constant(Attribute.channelNumber),
    fc.nat(3).map((n) => u32(0x40, n)),
  ),
  fc.tuple(fc.constant(Attribute.data), anyBytes),
  fc.tuple(fc.constant(Attribute.requestedTransport), fc.constant(u32(17))),
  fc.tuple(fc.constant(Attribute.lifetime), fc.constantFrom(u32(0), u32(0, 0, 4), data)),
  fc.tuple(fc.constantFrom(...Object.values(Attribute).filter((type) => type !== Attribute.fingerprint)), anyBytes),
);
const step = fc.record({
  method: fc.constantFrom(...Object.values(Method)),
  attributes: fc.array(attribute, { maxLength: 6 }),
  kind: fc.constantFrom("signed", "signed", "indication", "mutated", "from-peer"),
  byte: fc.nat(0xffff),
});
