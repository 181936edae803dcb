/** A peer's way to its server, without a peer around it: what goes by UDP, what over TLS, and when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { encodeChannelData } from "@fractal-punch/wire";
import fc from "fast-check";
import { at } from "./test-context.ts";
import { boundBytes, channelData, server4, server6, tls, tlsPort, typesOf, Way } from "./way.ts";

test("a request that nothing answers for 0.7 s has the server dialled by TLS, by the name and key that the peer knows", () => {
  const way = new Way([server4]);
  way.ask(1);
  assert.deepEqual(way.pass(699), []);
  const [dial] = way.pass(1);
  assert(dial?.type === "open-port" && dial.request.remote);
  assert.equal(addressText(dial.request.remote), "192.0.2.1:443");
  assert.deepEqual(dial.request.server, { name: tls.name, keyHash: tls.keyHash });
  assert.equal(dial.request.transport, "tls");
});

test("while requests are answered nothing is dialled, however often one is lost", () => {
  const way = new Way([server4]);
  for (let i = 0; i < 20; i++) {
    way.ask(1);
    way.pass(600);
    way.answer(way.ask(1));
    assert.deepEqual(way.pass(1000), []);
  }
});

test("one family's silence is not the other's: its socket is made to ask first", () => {
  const way = new Way([server4, server6]);
  way.ask(2);
  const [asked, ...others] = way.pass(700);
  assert(asked?.type === "send" && asked.port === 1 && others.length === 0);
  way.answer(asked.bytes);
  assert.deepEqual(way.pass(5000), []);
  way.ask(2);
  assert.deepEqual(typesOf(way.pass(700)), ["send"]);
  assert.deepEqual(typesOf(way.pass(300)), ["open-port"]);
});

test("over TLS goes what is for the server and nothing else, in multiples of four bytes", () => {
  const way = new Way([server4]).onTls();
  way.uplink.settled(way.now);
  way.send(1, at("192.0.2.1:3478"), way.request());
  way.send(1, at("198.51.100.7:5000"), new Uint8Array([8, 0, 0, 0]));
  way.send(9, server4, way.request());
  way.send(1, server4, channelData);
  way.send(1, server4, way.request());
  assert.deepEqual(
    way.take().map((effect) => effect.type === "send" && [effect.port, effect.bytes.length]),
    [
      [1, 28],
      [1, 4],
      [9, 28],
      [tlsPort, 40],
      [tlsPort, 28],
    ],
  );
});

test("relayed datagrams go both ways from a change of way until the server has answered there", () => {
  const way = new Way([server4]).onTls();
  assert.deepEqual(way.portsOfRelayed(), [tlsPort, 1]);
  way.uplink.settled(way.now);
  assert.deepEqual(way.portsOfRelayed(), [tlsPort]);
  way.answer(way.probe());
  assert.deepEqual(way.portsOfRelayed(), [tlsPort, 1]);
  way.uplink.settled(way.now);
  assert.deepEqual(way.portsOfRelayed(), [1]);
});

test("only an answer to what went out by UDP, from the server, brings UDP back", () => {
  const way = new Way([server4]).onTls();
  const probe = way.probe();
  way.answer(new Uint8Array(probe).fill(9, 8, 20));
  way.answer(probe, "198.18.0.1:48800");
  way.answer(probe, "192.0.2.1:48801");
  way.hear(probe);
  assert.equal(way.changes, 1, "over TLS still");
  way.answer(probe);
  assert.equal(way.changes, 2);
  way.answer(probe);
  assert.equal(way.changes, 2, "an answer counts once");
});

test("UDP is asked after 1, 2, 4 and 8 s, then every 10, while TLS is in use", () => {
  const way = new Way([server4]).onTls();
  const times: number[] = [];
  const startedAt = way.now;
  for (let i = 0; i < 6; i++) {
    way.probe();
    times.push(way.now - startedAt);
  }
  assert.deepEqual(times, [1000, 3000, 7000, 15_000, 25_000, 35_000]);
});

test("a TLS connection that ends, or answers nothing for 5 s, is followed by the next, 2 s after it was dialled or later", () => {
  const way = new Way([server4]).onTls();
  way.uplink.ended(way.now, way.out);
  way.out.take();
  assert.equal(way.changes, 2, "requests go by UDP meanwhile");
  way.untilDial();
  way.onTls();
  way.ask(1);
  way.probesUntil(4999);
  assert.equal(way.changes, 3);
  way.pass(1);
  assert.equal(way.changes, 4);
});

test("what is refused is dialled again every 2 s, in both families by turns", () => {
  const way = new Way([server4, server6]);
  way.ask(1);
  way.ask(2);
  const dialled: string[] = [];
  let at0 = way.now;
  for (let i = 0; i < 4; i++) {
    dialled.push(way.untilDial());
    if (i > 0) assert.equal(way.now - at0, 2000);
    at0 = way.now;
    way.uplink.ended(way.now, way.out);
  }
  assert.deepEqual(dialled, ["192.0.2.1:443", "[2001:db8::1]:443", "192.0.2.1:443", "[2001:db8::1]:443"]);
});

test("a TLS connection that opens when UDP has answered is closed unused", () => {
  const way = new Way([server4]);
  const asked = way.ask(1);
  way.untilDial();
  way.answer(asked);
  way.uplink.opened(way.now, at("192.168.1.2:50000"), way.out);
  assert.deepEqual(typesOf(way.take()), ["close-port"]);
  assert.equal(way.changes, 0);
});

test("whatever comes over TLS, in whatever pieces, does not throw, and what is no message ends the connection", () => {
  const message = fc.constantFrom(boundBytes(new Uint8Array(12)), encodeChannelData(0x4001, new Uint8Array(5), true));
  const part = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 80 }), message);
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 20 }), (pieces) => {
      const way = new Way([server4]).onTls();
      let received = 0;
      for (const piece of pieces) {
        way.uplink.push(piece);
        for (let next = way.uplink.next(way.now, way.out); next; next = way.uplink.next(way.now, way.out)) {
          assert(next.length <= 16_384);
          received++;
        }
      }
      assert(received <= pieces.length || way.uplink.carried !== undefined);
      way.pass(20_000);
    }),
    { numRuns: 500 },
  );
  const way = new Way([server4]).onTls();
  way.uplink.push(new Uint8Array(40).fill(0xff));
  assert.equal(way.uplink.next(way.now, way.out), undefined);
  assert.equal(way.uplink.carried, undefined);
});

test("a peer that stops leaves no connection and no deadline", () => {
  const way = new Way([server4]).onTls();
  way.uplink.close(way.out);
  assert.deepEqual(typesOf(way.take()), ["close-port"]);
  assert.deepEqual(way.pass(3_600_000), []);
});

test("a peer that knows no TLS sends as it always did", () => {
  const way = new Way([server4], false);
  way.ask(1);
  assert.deepEqual(way.pass(60_000), []);
  assert.equal(way.uplink.through(way.now, way.out), way.out);
});
