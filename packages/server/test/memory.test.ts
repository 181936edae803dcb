import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, type Curve, ipText } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { heldBytes } from "./held-bytes.ts";
import { post, strangers, text } from "./old-requests.ts";
import { hostTicket, TestHost } from "./test-peers.ts";
import { at, TestServer } from "./test-server.ts";

const client = at("198.51.100.7:5000");
const hostCount = 10_000;
const budgetBytes = 15 * 1024 * 1024;

test("ten thousand registered hosts, each with a ticket of its own, cost at most 15 MB", () => {
  const server = new TestServer({ primitives: { ...nodePrimitives, ...cheapCurve } });
  registerHosts(server, 0, 100);
  const before = heldBytes();
  registerHosts(server, 100, hostCount);
  const costBytes = heldBytes() - before;
  assert.equal(server.server.sizes.registrations, hostCount);
  assert(costBytes < budgetBytes, `${Math.round(costBytes / hostCount)} bytes a host`);
});

test("a hundred thousand addresses that came by the classic protocols and went leave nothing", () => {
  const rate = { perSecond: 1e9, burst: 1e9 };
  const server = new TestServer({ limits: { buckets: 100, classicRate: rate, streamRate: rate } });
  server.openPorts();
  const comeAndGo = (addresses: readonly Address[]): void => {
    for (const from of addresses) {
      server.receive(client, text(`${ipText(from)}C`));
      server.receive(from, text("203.0.113.5C"));
      server.receive(from, text("V"));
      server.receive(from, text("V"));
      server.receive(from, post(7));
      server.dial(from);
      server.write(from, post(7));
      server.hangUp(from);
    }
    server.pass(defaultLimits.classicVmLifeMs);
    server.events = [];
    server.closed = [];
  };
  const addresses = strangers(100_000);
  comeAndGo(addresses.slice(0, 1000));
  const before = heldBytes();
  comeAndGo(addresses);
  const leftBytes = heldBytes() - before;
  assert.equal(server.server.sizes.classic, 0);
  assert(leftBytes < 1024 * 1024, `${leftBytes} bytes are left`);
});

/** Stands in for X25519, which alone would take many seconds here: what is kept of a host is the same. */
const cheapCurve: Curve = {
  publicKey: (secretKey) => secretKey.slice(),
  dh: (secretKey, publicKey) => secretKey.map((byte, i) => byte ^ (publicKey[i] ?? 0)),
};

function registerHosts(server: TestServer, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const host = new TestHost(server, at(`198.51.${i % 250}.${Math.floor(i / 250)}:5000`), hostTicket(`desk-${i}`));
    host.publicKey.set(host.secretKey);
    const { nonce, serverKey } = host.nonce();
    const dh = cheapCurve.dh(host.secretKey, serverKey);
    assert(dh);
    host.registered(server.receive(host.address, host.registerBytes(nonce, serverKey, { dh })));
  }
  server.events = [];
}
