import assert from "node:assert/strict";
import { test } from "node:test";
import { channelData, TestClient, TestHost } from "./test-peers.ts";
import { at, only, TestServer } from "./test-server.ts";

test("a registered host and a client are introduced in one exchange, and relayed", () => {
  const server = new TestServer();
  const host = new TestHost(server);
  assert.deepEqual(host.registered(host.register()).mapped, host.address);
  const client = new TestClient(server, host.clientTicket());
  const sent = client.connect();
  assert.equal(sent.length, 2);
  const connected = client.connected(sent);
  const introduction = host.introduction(sent);
  assert.deepEqual(connected.hostAddresses, [host.address]);
  assert.deepEqual(introduction.client, client.address);
  assert.equal(introduction.proven, false);
  const proved = client.prove(connected.nonce);
  assert.equal(client.connected(proved).proven, true);
  assert.equal(host.introduction(proved).proven, true);
  const relayed = server.receive(client.address, channelData(connected.channel));
  assert.deepEqual(only(relayed, host.address), channelData(introduction.channel));
  const back = server.receive(host.address, channelData(introduction.channel));
  assert.deepEqual(only(back, client.address), channelData(connected.channel));
  assert.equal(host.refresh().length, 1);
  assert.equal(server.receive(at("192.0.2.9:6001"), channelData(connected.channel)).length, 1);
});
