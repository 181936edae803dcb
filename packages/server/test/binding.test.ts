import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "@fractal-punch/server/core";
import {
  Attribute,
  decodeBound,
  ErrorCode,
  encodeBinding,
  MessageClass,
  Method,
  readU16,
  StunBuilder,
} from "@fractal-punch/wire";
import { TestHost } from "./test-peers.ts";
import { at, errorTo, load, only, seededRandom, TestServer } from "./test-server.ts";

const builder = new StunBuilder();

test("every port answers Binding with the mapped address, in both families", () => {
  const server = new TestServer();
  for (const [text, ports] of [
    ["192.0.2.9:6000", [0, 2]],
    ["[2001:db8::9]:6000", [1, 3]],
  ] as const) {
    for (const port of ports) {
      const sent = server.receive(at(text), binding(server), port);
      assert.equal(sent[0]?.port, port, "answered from the port that was asked");
      assert.deepEqual(decodeBound(load(only(sent, at(text)))), { mapped: at(text) });
    }
  }
  assert.equal(server.server.counters.served.of("binding"), 4);
});

test("a Binding that asks for the epoch gets it: the same until the server starts anew", () => {
  const epochOf = (server: TestServer): Uint8Array | undefined => {
    const bytes = encodeBinding(builder, server.transactionId(), true);
    return decodeBound(load(only(server.receive(client, bytes), client)))?.epoch;
  };
  const server = new TestServer();
  assert.equal(epochOf(server)?.length, 8);
  assert.deepEqual(epochOf(server), epochOf(server));
  assert.notDeepEqual(epochOf(server), epochOf(new TestServer({ random: seededRandom(2) })));
});

test("a request with an attribute that must be understood and is not gets 420 and its number", () => {
  const server = new TestServer();
  const unknown = 0x7001;
  const bytes = builder
    .begin(MessageClass.request, Method.binding, server.transactionId())
    .u32(unknown, 6)
    .fingerprint()
    .bytes();
  const sent = server.receive(client, bytes);
  assert.equal(errorTo(sent, client), ErrorCode.unknownAttribute);
  const types = load(only(sent, client)).value(Attribute.unknownAttributes);
  assert(types);
  assert.equal(types.length, 2);
  assert.equal(readU16(types, 0), unknown);
});

test("an attribute that only other methods understand gets 420", () => {
  const server = new TestServer();
  for (const [method, type] of [
    [Method.binding, Attribute.requestedTransport],
    [Method.binding, Attribute.hostId],
    [Method.register, Attribute.requestedTransport],
    [Method.connect, Attribute.changeRequest],
  ] as const) {
    const bytes = builder.begin(MessageClass.request, method, server.transactionId()).u32(type, 0).pad(200).bytes();
    assert.equal(errorTo(server.receive(client, bytes), client), ErrorCode.unknownAttribute, `${method} ${type}`);
  }
});

test("an indication and an answer are not answered", () => {
  const server = new TestServer();
  for (const messageClass of [MessageClass.indication, MessageClass.success, MessageClass.error]) {
    const bytes = builder.begin(messageClass, Method.binding, server.transactionId()).fingerprint().bytes();
    assert.deepEqual(server.receive(client, bytes), []);
  }
  assert.equal(server.server.counters.dropped.of("no-question"), 3);
});

test("bindingRate holds a prefix, leaves others and loopback alone, and lets registered hosts pass", () => {
  const server = new TestServer();
  const { burst, perSecond } = defaultLimits.bindingRate;
  const ask = (from: string): number => server.receive(at(from), binding(server)).length;
  const host = new TestHost(server, at("192.0.2.200:5000"));
  host.registered(host.register());
  let answered = 0;
  for (let i = 0; i < burst + 50; i++) answered += ask(`192.0.2.${i % 100}:6000`);
  assert.equal(answered, burst);
  assert.equal(ask("192.0.3.1:6000"), 1);
  assert.equal(ask("192.0.2.200:5000"), 1, "a registered 5-tuple");
  assert.equal(ask("192.0.2.200:5001"), 0, "its neighbour");
  for (let i = 0; i < burst + 50; i++) assert.equal(ask("127.0.0.1:6000"), 1);
  server.pass(1000);
  answered = 0;
  for (let i = 0; i < perSecond + 50; i++) answered += ask("192.0.2.1:6000");
  assert.equal(answered, perSecond);
});

test("an IPv6 network that changes its /64 is held by its /56 and /48", () => {
  const server = new TestServer({ limits: { bindingRate: { perSecond: 1, burst: 2 } } });
  const answered = (count: number, address: (i: number) => string): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += server.receive(at(address(i)), binding(server)).length;
    return sum;
  };
  assert.equal(
    answered(10, (i) => `[2001:db8:1:100::${i + 1}]:6000`),
    2,
    "one /64",
  );
  assert.equal(
    answered(100, (i) => `[2001:db8:2:1${(i + 16).toString(16)}::1]:6000`),
    8,
    "one /56",
  );
  assert.equal(
    answered(100, (i) => `[2001:db8:3:${(i + 16).toString(16)}00::1]:6000`),
    32,
    "one /48",
  );
});

const client = at("192.0.2.9:6000");

function binding(server: TestServer): Uint8Array {
  return encodeBinding(builder, server.transactionId(), false);
}
