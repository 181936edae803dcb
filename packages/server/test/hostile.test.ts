import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { datagramsOf, mended } from "./test-datagrams.ts";
import { connectPair } from "./test-peers.ts";
import { at, TestServer } from "./test-server.ts";

test("every datagram cut at every length is taken without a throw, and only a whole message changes anything", () => {
  const server = new TestServer({ limits: unlimited });
  const pair = connectPair(server);
  const before = server.server.sizes;
  for (const bytes of Object.values(datagramsOf(server, pair))) {
    for (let length = 0; length < bytes.length; length++) {
      server.receive(stranger, bytes.subarray(0, length));
      server.receive(pair.host.address, bytes.subarray(0, length));
      server.receive(stranger, mended(bytes.subarray(0, length)));
    }
    server.pass(1000);
  }
  // A Connect without its FINGERPRINT is whole, and introduces.
  assert.equal(server.server.sizes.introductions, before.introductions + 1);
  assert.equal(server.server.sizes.registrations, before.registrations);
});

test("every datagram with any byte changed is taken without a throw", () => {
  const server = new TestServer({ limits: unlimited });
  const pair = connectPair(server);
  const datagrams = Object.values(datagramsOf(server, pair));
  const change = fc.tuple(fc.nat(datagrams.length - 1), fc.nat(1231), fc.nat(255), fc.boolean());
  fc.assert(
    fc.property(change, fc.boolean(), ([index, offset, byte, isMended], isHost) => {
      const bytes = (datagrams[index] ?? new Uint8Array(0)).slice();
      bytes[offset % bytes.length] = byte;
      server.receive(isHost ? pair.host.address : stranger, isMended ? mended(bytes) : bytes);
    }),
    { numRuns: 3000 },
  );
});

test("arbitrary bytes are taken without a throw, on every port", () => {
  const server = new TestServer();
  const bytes = fc.uint8Array({ maxLength: 1400 });
  fc.assert(
    fc.property(fc.nat(0x4f), fc.nat(3), bytes, (first, port, rest) => {
      const datagram = Uint8Array.of(first, ...rest);
      server.receive(port % 2 === 0 ? stranger : at("[2001:db8::66]:6000"), datagram, port);
    }),
    { numRuns: 1000 },
  );
  server.receive(stranger, new Uint8Array(0));
  server.receive(stranger, new Uint8Array(65_507));
  assert.equal(server.server.counters.dropped.of("too-large") > 0, true);
});

test("a datagram from port 0, which nobody can answer, is dropped", () => {
  const server = new TestServer();
  const pair = connectPair(server);
  const { binding } = datagramsOf(server, pair);
  assert(binding);
  assert.deepEqual(server.receive(at("203.0.113.66:0"), binding), []);
  assert.equal(server.server.counters.dropped.of("bad-source"), 1);
});

/** So that every datagram is looked at. */
const manyPerSecond = { perSecond: 1e6, burst: 1e6 };
const unlimited = { unauthenticatedRate: manyPerSecond, connectRate: manyPerSecond, bindingRate: manyPerSecond };
const stranger = at("203.0.113.66:6000");
