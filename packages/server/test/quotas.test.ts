import assert from "node:assert/strict";
import { test } from "node:test";
import { channelData, connectPair, hostTicket, type Introduced, TestHost } from "./test-peers.ts";
import { at, errorTo, startSeconds, TestServer } from "./test-server.ts";

test("relayBytesPerSecond holds what is relayed for one name, both ways together", () => {
  const server = new TestServer({ limits: { relayBytesPerSecond: 100_000 } });
  const pair = connectPair(server);
  flood(server, pair, 1000);
  let relayed = 0;
  for (let ms = 0; ms < 10_000; ms += 10) {
    server.pass(10);
    relayed += flood(server, pair, 5);
  }
  assert(relayed > 980_000 && relayed < 1_020_000, `${relayed} bytes in 10 s`);
  assert(server.server.counters.dropped.of("no-credit") > 0);
});

test("relayBytes ends the relaying for a name, and registering anew gains nothing", () => {
  const server = new TestServer({ limits: { relayBytes: 300_000 } });
  const pair = connectPair(server);
  const relayed = flood(server, pair, 1000);
  assert(relayed > 150_000 && relayed <= 300_000, `${relayed}`);
  server.pass(200_000);
  assert.equal(server.server.sizes.registrations, 0);
  pair.host.registered(pair.host.register());
  const again = connectPair(server);
  const rest = flood(server, again, 1000);
  assert.equal(Math.floor((relayed + rest) / 2000), 150, "to the last datagram that fits");
  server.pass(60_000);
  assert.equal(flood(server, connectPair(server), 100), 0);
});

test("another name has its own quota", () => {
  const server = new TestServer({ limits: { relayBytes: 100_000 } });
  flood(server, connectPair(server), 200);
  const host = new TestHost(server, at("198.51.100.8:5000"), hostTicket("other"));
  host.registered(host.register());
  assert.equal(server.server.sizes.accounts, 2);
});

test("an account is forgotten when the name's ticket has expired", () => {
  const server = new TestServer({ limits: { relayBytes: 100_000 } });
  const host = new TestHost(server, at("198.51.100.8:5000"), hostTicket("other", startSeconds + 1000));
  host.registered(host.register());
  server.pass(200_000);
  assert.deepEqual([server.server.sizes.registrations, server.server.sizes.accounts], [0, 1]);
  server.pass(900_000);
  assert.equal(server.server.sizes.accounts, 0);
  assert.equal(server.server.nextWake(), Infinity);
});

test("a host that changes its ticket's name leaves the old name's account to its end", () => {
  const server = new TestServer({ limits: { relayBytes: 100_000 } });
  const host = new TestHost(server, at("198.51.100.8:5000"), hostTicket("before", startSeconds + 1000));
  host.registered(host.register());
  host.ticket = hostTicket("after", startSeconds + 5000);
  host.registered(host.register());
  for (let minute = 0; minute < 20; minute++) {
    server.pass(60_000);
    host.registered(host.refresh());
  }
  assert.equal(server.server.sizes.accounts, 1);
});

test("the table of accounts is full at its limit, with 508", () => {
  const server = new TestServer({ limits: { relayBytes: 100_000, accounts: 1 } });
  connectPair(server);
  const host = new TestHost(server, at("198.51.100.8:5000"), hostTicket("other"));
  assert.equal(errorTo(host.register(), host.address), 508);
});

test("without quotas there are no accounts", () => {
  const server = new TestServer();
  connectPair(server);
  assert.equal(server.server.sizes.accounts, 0);
});

/** Sends so many datagrams of 1,000 bytes both ways; gives the bytes that came through. */
function flood(server: TestServer, pair: Introduced, count: number): number {
  const { host, client, hostChannel, clientChannel } = pair;
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    for (const sent of server.receive(client.address, channelData(clientChannel, 996))) bytes += sent.bytes.length;
    for (const sent of server.receive(host.address, channelData(hostChannel, 996))) bytes += sent.bytes.length;
  }
  return bytes;
}
