import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, type Curve, ipText } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { hostIdText, type Ticket } from "@fractal-punch/wire";
import { heldBytes } from "./held-bytes.ts";
import { post, strangers, text } from "./old-requests.ts";
import { hostTicket, TestClient, TestHost } from "./test-peers.ts";
import { at, TestServer } from "./test-server.ts";

const client = at("198.51.100.7:5000");
const hostCount = 10_000;
const bytesAHost = 300;
const bytesATicket = 900;

test("a registered host costs at most 300 bytes, and its ticket 900 more", () => {
  const oneTicket = costOf((host) => hostTicket(`desk-${host % 100}`));
  assert(oneTicket < hostCount * bytesAHost, `${Math.round(oneTicket / hostCount)} bytes a host`);
  const ownTickets = costOf((host) => hostTicket(`desk-${host}`));
  assert(ownTickets < hostCount * (bytesAHost + bytesATicket), `${Math.round(ownTickets / hostCount)} bytes a host`);
});

test("a host that was busy costs no more, once it is idle, than one that never was", () => {
  const limits = { registrationLifeMs: 3_600_000, tickets: 100, buckets: 1_000 };
  const server = new TestServer({ limits, primitives: { ...nodePrimitives, ...cheapCurve } });
  const hosts = registerHosts(server, 0, 3_000, (host) => hostTicket(`desk-${host % 3}`));
  const meet = (some: readonly TestHost[]): void => {
    for (const [index, host] of some.entries()) {
      const guest = new TestClient(server, host.clientTicket(), at(`192.0.${2 + (index % 20)}.9:${6000 + index}`));
      host.introduction(guest.connect());
      server.pass(100);
    }
    server.pass(defaultLimits.introductionLifeMs);
    for (const host of some) host.registered(host.refresh());
    server.events = [];
  };
  // The code that becomes hot by it is not counted.
  for (let i = 0; i < 3; i++) meet(hosts.slice(0, 500));
  const before = heldBytes();
  meet(hosts.slice(500));
  const moreBytes = heldBytes() - before;
  const { channels, introductions, registrations, tuples } = server.server.sizes;
  assert.deepEqual([channels, introductions, registrations, tuples], [0, 0, hosts.length, hosts.length]);
  assert(moreBytes < 300 * hosts.length, `${Math.round(moreBytes / hosts.length)} bytes more a host`);
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

/** What hosts take of memory, each with such a ticket. */
function costOf(ticket: (host: number) => Ticket): number {
  const server = new TestServer({ primitives: { ...nodePrimitives, ...cheapCurve } });
  registerHosts(server, 0, 100, ticket);
  const before = heldBytes();
  registerHosts(server, 100, hostCount, ticket).length = 0;
  const costBytes = heldBytes() - before;
  assert.equal(server.server.sizes.registrations, hostCount);
  return costBytes;
}

function registerHosts(server: TestServer, from: number, to: number, ticket: (host: number) => Ticket): TestHost[] {
  const hosts: TestHost[] = [];
  for (let i = from; i < to; i++) {
    const host = new TestHost(server, at(`198.51.${i % 250}.${Math.floor(i / 250)}:5000`), ticket(i));
    host.publicKey.set(host.secretKey);
    Object.assign(host, { hostId: hostIdText(host.publicKey) });
    const { nonce, serverKey } = host.nonce();
    const dh = cheapCurve.dh(host.secretKey, serverKey);
    assert(dh);
    host.registered(server.receive(host.address, host.registerBytes(nonce, serverKey, { dh })));
    hosts.push(host);
  }
  server.events = [];
  return hosts;
}
