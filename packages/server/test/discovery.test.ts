import assert from "node:assert/strict";
import { test } from "node:test";
import { addressFromIpText, addressText, sameAddress, withPort } from "@fractal-punch/machine";
import { defaultLimits, type ListenPort } from "@fractal-punch/server/core";
import {
  Attribute,
  ErrorCode,
  encodeBinding,
  errorCodeOf,
  MessageClass,
  Method,
  plainAddress,
  readU16,
  StunBuilder,
  writeU16,
  writeU32,
} from "@fractal-punch/wire";
import fc from "fast-check";
import { mended } from "./test-datagrams.ts";
import { TestHost } from "./test-peers.ts";
import { at, load, type Sent, TestServer } from "./test-server.ts";

const builder = new StunBuilder(4096);
const client4 = at("192.0.2.9:6000");
const client6 = at("[2001:db8:9::9]:6000");

test("an answer with both addresses is what RFC 5780 says, byte for byte", () => {
  const server = discoveryServer(two4);
  const [sent] = server.receive(client4, binding(change(6)), 0);
  assert(sent);
  const bytes = Buffer.from(sent.bytes).toString("hex");
  assert.equal(bytes.slice(0, 16), "0101002c2112a442");
  assert.equal(bytes.slice(40, 64), "0020000800013662e112a64b", "XOR-MAPPED-ADDRESS 192.0.2.9:6000");
  assert.equal(bytes.slice(64, 88), "802b000800010d96c6336402", "RESPONSE-ORIGIN 198.51.100.2:3478");
  assert.equal(bytes.slice(88, 112), "802c000800010d96c6336402", "OTHER-ADDRESS, the same here");
  assert.equal(bytes.slice(112, 120), "80280004");
  assert.equal(bytes.length, 128);
});

test("each flag of CHANGE-REQUEST leads to its port from each port, in both families", () => {
  for (const [ips, client] of [
    [two4, client4],
    [two6, client6],
  ] as const) {
    const server = discoveryServer(ips);
    for (const asked of [0, 1, 2, 3]) {
      for (const flags of [undefined, 0, 2, 4, 6]) {
        const [sent, ...others] = server.receive(client, binding(flags === undefined ? [] : change(flags)), asked);
        assert(sent);
        assert.deepEqual(others, []);
        const wanted = asked ^ ((flags ?? 0) & 4 ? 1 : 0) ^ ((flags ?? 0) & 2 ? 2 : 0);
        assert.equal(sent.port, wanted, `port ${asked}, flags ${flags}`);
        assert(sameAddress(sent.to, client));
        assert.deepEqual(told(sent), [text(ips, wanted), text(ips, asked ^ 3)], `port ${asked}, flags ${flags}`);
      }
    }
  }
});

test("of three addresses each has the next as its other, and one of another scope is nobody's", () => {
  const ips = ["198.51.100.1", "127.0.0.1", "198.51.100.2", "198.51.100.3"];
  const server = discoveryServer(ips);
  const others = [0, 2, 3].map((port) => told(server.receive(client4, binding(), port)[0])[1]);
  assert.deepEqual(others, ["198.51.100.2:3478", "198.51.100.3:3478", "198.51.100.1:3478"]);
  assert.deepEqual(told(server.receive(at("127.0.0.9:6000"), binding(), 1)[0]), [undefined, undefined]);
  assertRefused(server.receive(at("127.0.0.9:6000"), binding(change(4)), 1), Attribute.changeRequest);
});

test("with one address CHANGE-REQUEST is refused with 420, and no answer has OTHER-ADDRESS", () => {
  const server = discoveryServer(["198.51.100.1"]);
  for (const flags of [0, 2, 4, 6])
    assertRefused(server.receive(client4, binding(change(flags)), 0), Attribute.changeRequest);
  const [plain] = server.receive(client4, binding(), 0);
  assert.deepEqual(told(plain), [undefined, undefined]);
  assert.equal(plain?.bytes.length, 40);
  const [padded] = server.receive(client4, binding(padding(100)), 0);
  assert.deepEqual(told(padded), ["198.51.100.1:48800", undefined]);
});

test("a port that did not open, or whose number differs, leaves the server with one address", () => {
  const closed = discoveryServer(two4, { closed: [3] });
  const apart = discoveryServer(two4, { numbers: new Map([[3, 3479]]) });
  for (const server of [closed, apart]) {
    assertRefused(server.receive(client4, binding(change(2)), 0), Attribute.changeRequest);
    assert.deepEqual(told(server.receive(client4, binding(), 0)[0]), [undefined, undefined]);
  }
});

test("a CHANGE-REQUEST of a wrong length is a bad request", () => {
  const server = discoveryServer(two4);
  for (const length of [0, 1, 3, 5, 8]) {
    const sent = server.receive(client4, binding([[Attribute.changeRequest, new Uint8Array(length)]]), 0);
    assert.equal(errorOf(sent), ErrorCode.badRequest, `${length} bytes`);
  }
});

test("a keepalive, and what a registered host sends, is answered in few bytes whatever the server has", () => {
  const server = discoveryServer(two4);
  assert.equal(server.receive(client4, binding(), 0)[0]?.bytes.length, 64, "for comparison");
  const keepalive = encodeBinding(builder, server.transactionId(), true);
  assert.equal(server.receive(client4, keepalive, 0)[0]?.bytes.length, 52);
  const host = new TestHost(server, at("192.0.2.200:5000"));
  host.registered(host.register());
  const plain = encodeBinding(builder, server.transactionId(), false);
  assert.equal(server.receive(host.address, plain, 0)[0]?.bytes.length, 40);
});

test("a padded request gets an answer of its own length, and none that is longer than 2,048 bytes is taken", () => {
  const server = discoveryServer(two4);
  for (const length of [40, 41, 100, 1200, 1500, 2024]) {
    const bytes = binding(padding(length));
    const [sent] = server.receive(client4, bytes, 0);
    assert.equal(sent?.bytes.length, bytes.length, `${length} bytes of padding`);
  }
  const [tight] = server.receive(client4, binding(padding(20)), 0);
  assert(tight && !load(tight.bytes).has(Attribute.padding));
  assert.deepEqual(server.receive(client4, binding(padding(2025)), 0), []);
  assert.equal(server.server.counters.dropped.of("too-large"), 1);
});

test("RESPONSE-PORT is obeyed when it is the port that the request came from, and refused otherwise", () => {
  const server = discoveryServer(two4);
  for (const own of [responsePort(6000), responsePort(6000, 4)]) {
    const [sent] = server.receive(client4, binding(own), 0);
    assert(sent && sameAddress(sent.to, client4) && load(sent.bytes).messageClass === MessageClass.success);
  }
  for (const port of [0, 53, 5999, 6001, 65_535])
    assertRefused(server.receive(client4, binding(responsePort(port)), 0), Attribute.responsePort);
  for (const faulty of [responsePort(6000, 3), responsePort(6000, 8), [...responsePort(6000), ...padding(200)]])
    assert.equal(errorOf(server.receive(client4, binding(faulty), 0)), ErrorCode.badRequest);
});

test("behind a 1:1 NAT strangers are told the public addresses, and neighbours the private ones", () => {
  const server = discoveryServer(["10.0.0.5", "10.0.0.6"]);
  const tell = (...ips: string[]): void =>
    server.tell({ type: "public-addresses", addresses: ips.map((ip) => at(`${ip}:0`)), own: [] });
  const known = (from: string, port: number = 1): unknown =>
    told(server.receive(at(from), binding(change(2)), port)[0]);
  const neighbour = ["10.0.0.6:3478", "10.0.0.5:3478"];
  assert.deepEqual(known("10.0.0.77:6000"), neighbour);
  assertRefused(server.receive(client4, binding(change(2)), 1), Attribute.changeRequest);
  tell("203.0.113.5", "203.0.113.6");
  assert.deepEqual(known("192.0.2.9:6000"), ["203.0.113.6:3478", "203.0.113.5:3478"]);
  assert.deepEqual(known("192.0.2.9:6000", 3), ["203.0.113.6:48800", "203.0.113.5:48800"]);
  assert.deepEqual(known("10.0.0.77:6000"), neighbour);
  tell("203.0.113.5");
  assertRefused(server.receive(client4, binding(change(2)), 0), Attribute.changeRequest);
});

test("whatever a Binding holds, nothing goes to anybody but its source, and no answer is more than five times as long", () => {
  const server = discoveryServer([...two4, ...two6], { limits: { bindingRate: { perSecond: 1e9, burst: 1e9 } } });
  fc.assert(
    fc.property(question, ({ values, at: place, byte, port, is6 }) => {
      const request = binding(values).slice();
      if (byte !== undefined) request[place % request.length] = byte;
      const from = is6 ? client6 : client4;
      const sent = server.receive(from, byte === undefined ? request : mended(request), is6 ? 2 + port : port);
      assert(sent.length <= 1);
      for (const { to, bytes } of sent) {
        assert(sameAddress(to, from), addressText(to));
        assert(bytes.length <= 5 * request.length && bytes.length <= Math.max(request.length, 112));
      }
    }),
    { numRuns: 2000 },
  );
});

test("bindingRate holds discovery, that of registered hosts too", () => {
  const server = discoveryServer(two4);
  const host = new TestHost(server, at("192.0.2.200:5000"));
  host.registered(host.register());
  let answered = 0;
  for (let i = 0; i < defaultLimits.bindingRate.burst + 50; i++)
    answered += server.receive(host.address, binding(change(6)), 0).length;
  assert.equal(answered, defaultLimits.bindingRate.burst);
});

const two4 = ["198.51.100.1", "198.51.100.2"];
const two6 = ["2001:db8::1", "2001:db8::2"];

type Value = readonly [type: number, value: Uint8Array];

const question = fc.record({
  values: fc.array(
    fc.tuple(
      fc.constantFrom<number>(
        Attribute.changeRequest,
        Attribute.changeRequest,
        Attribute.responsePort,
        Attribute.padding,
        Attribute.epoch,
        Attribute.otherAddress,
        0x7001,
      ),
      fc.oneof(fc.constantFrom(2, 4, 6).map(word), fc.constant(word(6000 * 65_536)), fc.uint8Array({ maxLength: 300 })),
    ),
    { maxLength: 4 },
  ),
  at: fc.nat(400),
  byte: fc.option(fc.nat(255), { nil: undefined }),
  port: fc.nat(1),
  is6: fc.boolean(),
});

interface Setting {
  /** Ports by their place that do not open. */
  readonly closed?: readonly number[];
  /** Those that get another number. */
  readonly numbers?: ReadonlyMap<number, number>;
  readonly limits?: Partial<typeof defaultLimits>;
}

/** The main ports of all addresses, then their second ones. */
function discoveryServer(ips: readonly string[], setting: Setting = {}): TestServer {
  const ports = [48_800, 3478].flatMap((port) =>
    ips.map((ip): ListenPort => {
      const local = addressFromIpText(ip, 0);
      assert(local);
      return { family: local.family, local, port, main: port === 48_800 };
    }),
  );
  const server = new TestServer({ ports, classic: false, ...(setting.limits && { limits: setting.limits }) });
  server.start();
  for (const [port, { local, port: number }] of ports.entries()) {
    assert(local);
    if (setting.closed?.includes(port)) server.tell({ type: "port-failed", port, code: "EADDRINUSE" });
    else server.tell({ type: "port-opened", port, local: withPort(local, setting.numbers?.get(port) ?? number) });
  }
  return server;
}

/** A Binding without FINGERPRINT, as small as clients make it. */
function binding(values: readonly Value[] = []): Uint8Array {
  builder.begin(
    MessageClass.request,
    Method.binding,
    Uint8Array.from({ length: 12 }, (_, index) => index),
  );
  for (const [type, value] of values) builder.attribute(type, value);
  return builder.bytes();
}

function change(flags: number): readonly Value[] {
  return [[Attribute.changeRequest, word(flags)]];
}

function padding(length: number): readonly Value[] {
  return [[Attribute.padding, new Uint8Array(length)]];
}

function responsePort(port: number, length: number = 2): readonly Value[] {
  const value = new Uint8Array(length);
  writeU16(value, 0, port);
  return [[Attribute.responsePort, value]];
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, value);
  return bytes;
}

function text(ips: readonly string[], place: number): string {
  const local = addressFromIpText(ips[place & 1] ?? "", place < 2 ? 48_800 : 3478);
  assert(local);
  return addressText(local);
}

/** RESPONSE-ORIGIN and OTHER-ADDRESS of a success. */
function told(sent: Sent | undefined): (string | undefined)[] {
  assert(sent);
  const message = load(sent.bytes);
  assert.equal(message.messageClass, MessageClass.success);
  return [Attribute.responseOrigin, Attribute.otherAddress].map((type) => {
    const address = plainAddress(message, type);
    return address && addressText(address);
  });
}

function errorOf([sent]: readonly Sent[]): number | undefined {
  return sent && errorCodeOf(load(sent.bytes));
}

/** 420 with that attribute alone. */
function assertRefused(sent: readonly Sent[], attribute: number): void {
  assert.equal(errorOf(sent), ErrorCode.unknownAttribute);
  const types = load(sent[0]?.bytes ?? new Uint8Array(0)).value(Attribute.unknownAttributes);
  assert(types);
  assert.equal(types.length, 2);
  assert.equal(readU16(types, 0), attribute);
}
