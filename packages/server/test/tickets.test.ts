import assert from "node:assert/strict";
import { test } from "node:test";
import { revocationHash } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { Attribute, clientUsername, ErrorCode, type Ticket, ticketPassword } from "@fractal-punch/wire";
import { connectPair, hostTicket, TestClient, TestHost } from "./test-peers.ts";
import { at, errorTo, load, only, secret, startSeconds, TestServer, yearSeconds } from "./test-server.ts";

test("an operator's client ticket works whatever the host's own ticket is", () => {
  const { server, host } = registered();
  const client = new TestClient(server, operatorTicket(host.hostId));
  client.connected(client.connect());
  host.ticket = hostTicket("renewed");
  host.registered(host.register());
  const again = new TestClient(server, client.ticket);
  again.connected(again.connect());
});

test("a wrong password, a foreign secret and a username of no form get 460, unsigned", () => {
  const { server, host } = registered();
  const good = host.clientTicket();
  const bad: Ticket[] = [
    { ...good, password: "A".repeat(43) },
    { ...good, password: ticketPassword(nodePrimitives, secret, good.username) },
    { username: good.username.replace("desk", "dusk"), password: good.password },
    { username: `${startSeconds + 1}${good.username.slice(10)}`, password: good.password },
    { username: "1999999999:anything", password: good.password },
    { username: "x".repeat(129), password: good.password },
  ];
  for (const ticket of bad) {
    const client = new TestClient(server, ticket);
    const sent = client.connect();
    assert.equal(errorTo(sent, client.address), ErrorCode.ticketWrong, ticket.username);
    assert(!load(only(sent, client.address)).has(Attribute.messageIntegritySha256));
    host.ticket = ticket;
    assert.equal(errorTo(host.register(), host.address), ErrorCode.ticketWrong);
  }
  assert.equal(server.server.sizes.tickets, 1, "only what was valid is remembered");
});

test("a ticket for something else gets 463: a host's on Connect, a client's on Register", () => {
  const { server, host } = registered();
  const client = new TestClient(server, host.ticket);
  assert.equal(errorTo(client.connect(), client.address), ErrorCode.ticketScope);
  const other = new TestHost(server, at("198.51.100.8:5000"), host.clientTicket());
  assert.equal(errorTo(other.register(), other.address), ErrorCode.ticketScope);
});

test("a ticket opens one host only", () => {
  const { server, host } = registered();
  const other = new TestHost(server, at("198.51.100.8:5000"));
  const client = new TestClient(server, other.clientTicket());
  assert.equal(errorTo(client.connect(), client.address), ErrorCode.hostNotRegistered);
  const minted = clientUsername(startSeconds + yearSeconds, host.hostId, hostTicket("other").username);
  const password = ticketPassword(nodePrimitives, hostTicket("other").password, minted);
  const guest = new TestClient(server, { username: minted, password });
  assert.equal(errorTo(guest.connect(), guest.address), ErrorCode.hostNotRegistered, "minted by another host's ticket");
});

test("an expired ticket gets 461, signed, and a derived one ends with the host's", () => {
  const server = new TestServer();
  const host = new TestHost(server, at("198.51.100.7:5000"), hostTicket("desk", startSeconds + 50));
  host.registered(host.register());
  const short = new TestClient(server, host.clientTicket(startSeconds + 10));
  const long = new TestClient(server, host.clientTicket(), at("192.0.2.10:6000"));
  short.open();
  long.open();
  assert.equal(server.server.sizes.channels, 2);
  server.pass(11_000);
  assert.equal(server.server.sizes.channels, 1);
  short.transactionId = server.transactionId();
  const sent = short.connect();
  assert.equal(errorTo(sent, short.address), ErrorCode.ticketExpired);
  assert(load(only(sent, short.address)).has(Attribute.messageIntegritySha256));
  server.pass(40_000);
  assert.equal(server.server.sizes.channels, 0);
  assert.equal(errorTo(long.connect(), long.address), ErrorCode.ticketExpired);
});

test("revoking a host's ticket ends its registrations, its channels and the tickets derived from it, at once", () => {
  const server = new TestServer();
  const { host, client } = connectPair(server);
  const other = new TestHost(server, at("198.51.100.8:5000"), hostTicket("other"));
  other.registered(other.register());
  const sent = revoke(server, host.ticket.username);
  assert.equal(errorTo(sent, host.address), ErrorCode.ticketRevoked);
  assert.equal(sent.length, 1);
  assert.deepEqual([server.server.sizes.registrations, server.server.sizes.channels], [1, 0]);
  client.transactionId = server.transactionId();
  assert.equal(errorTo(client.connect(), client.address), ErrorCode.ticketRevoked);
  assert.equal(errorTo(host.register(), host.address), ErrorCode.ticketRevoked);
  assert.deepEqual(
    server.takeEvents("registration-ended").map(({ cause }) => cause),
    ["revoked"],
  );
});

test("revoking a client's ticket ends its channels, and nothing else", () => {
  const server = new TestServer();
  const { host, client } = connectPair(server);
  const other = new TestClient(server, host.clientTicket(startSeconds + 1000), at("192.0.2.10:6000"));
  other.open();
  assert.deepEqual(revoke(server, client.ticket.username), []);
  assert.deepEqual([server.server.sizes.registrations, server.server.sizes.channels], [1, 1]);
  assert.equal(errorTo(client.connect(), client.address), ErrorCode.ticketRevoked);
});

test("the table of revocations has a maximum, says when it is full, and makes room by what has expired", () => {
  const server = new TestServer({ limits: { revocations: 2 } });
  const revokeUntil = (expirySeconds: number, hash: string): number => {
    server.revoke(hash, expirySeconds);
    return server.takeEvents("revocations-full").length;
  };
  assert.equal(revokeUntil(startSeconds + 10, "a"), 0);
  assert.equal(revokeUntil(startSeconds + 20, "b"), 0);
  assert.equal(revokeUntil(startSeconds + 20, "b"), 0, "known");
  assert.equal(revokeUntil(startSeconds + 20, "c"), 1);
  server.pass(10_000);
  assert.equal(revokeUntil(startSeconds + 20, "c"), 0);
  assert.equal(server.server.sizes.revocations, 2);
});

test("the keys of tickets are remembered up to a maximum, and for ticketLifeMs to twice that after their last use", () => {
  const server = new TestServer({ limits: { tickets: 10, ticketLifeMs: 1000 } });
  const { host } = connectPair(server);
  for (let i = 0; i < 40; i++) {
    const client = new TestClient(server, host.clientTicket(startSeconds + 1000 + i), at(`192.0.2.10:${6000 + i}`));
    client.connected(client.connect());
    assert(server.server.sizes.tickets <= 10);
    server.pass(20);
  }
  server.pass(2000);
  host.registered(host.register());
  assert.equal(server.server.sizes.tickets, 1);
});

test("access is not open by default: a ticket minted with the secret that all know is wrong", () => {
  const server = new TestServer();
  const host = new TestHost(server, at("198.51.100.7:5000"), openTicket());
  assert.equal(errorTo(host.register(), host.address), ErrorCode.ticketWrong);
});

test("with open access anybody's host is taken, and its clients once their address is proven", () => {
  const server = new TestServer({ access: "open" });
  const host = new TestHost(server, at("198.51.100.7:5000"), openTicket());
  host.registered(host.register());
  const client = new TestClient(server, host.clientTicket());
  const sent = client.connect();
  assert.equal(errorTo(sent, client.address), ErrorCode.unauthenticated);
  assert.equal(sent.length, 1, "the host does not hear of it");
  const nonce = load(only(sent, client.address)).value(Attribute.nonce)?.slice();
  assert(nonce);
  const introduced = client.connect({ nonce });
  assert.equal(client.connected(introduced).proven, true);
  assert.equal(host.introduction(introduced).proven, true);
});

test("with open access the operator's own tickets work as ever, without a nonce", () => {
  const server = new TestServer({ access: "open" });
  const { client } = connectPair(server);
  client.connected(client.connect());
  const forged = new TestHost(server, at("198.51.100.8:5000"), hostTicket("desk", startSeconds + 10, "open"));
  assert.equal(errorTo(forged.register(), forged.address), ErrorCode.ticketWrong, "only the name open is open");
});

function registered(): { server: TestServer; host: TestHost } {
  const server = new TestServer();
  const host = new TestHost(server);
  host.registered(host.register());
  return { server, host };
}

function openTicket(): Ticket {
  return hostTicket("open", startSeconds + yearSeconds, "open");
}

function operatorTicket(hostId: string): Ticket {
  const username = clientUsername(startSeconds + yearSeconds, hostId);
  return { username, password: ticketPassword(nodePrimitives, secret, username) };
}

function revoke(server: TestServer, username: string): ReturnType<TestServer["revoke"]> {
  return server.revoke(revocationHash(nodePrimitives, secret, username));
}
