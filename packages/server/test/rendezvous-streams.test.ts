/** Hosts and clients whose networks block UDP: Register, Connect and their channels over a stream. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits, type ListenPort } from "@fractal-punch/server/core";
import { ErrorCode } from "@fractal-punch/wire";
import { channelData, type Introduced, TestClient, TestHost } from "./test-peers.ts";
import { at, errorTo, only, type Sent, TestServer } from "./test-server.ts";

const hostHome = at("198.51.100.7:5000");
const hostByTls = at("198.51.100.7:50001");
const clientHome = at("192.0.2.9:6000");
const ports: readonly ListenPort[] = [
  { family: 4, port: 48_800, main: true },
  { family: 6, port: 48_800, main: true },
  { family: 4, port: 443, transport: "tls", main: true },
];
const udp = 0;
const udp6 = 1;
const tls = 2;

test("a host registers over a stream, and an introduction to it goes there and names no address of the host", () => {
  const server = serving();
  const host = hostByStream(server);
  const client = new TestClient(server, host.clientTicket(), clientHome);
  const sent = client.connect();
  assert.deepEqual(client.connected(sent).hostAddresses, []);
  assert.deepEqual(host.introduction(sent).client, clientHome);
  assert.deepEqual(portsOf(sent), [udp, tls]);
});

test("a client connects over a stream, and the host is told no address to send to", () => {
  const server = serving();
  const host = new TestHost(server);
  host.registered(host.register());
  const client = clientByStream(server, host);
  const sent = client.connect();
  assert.deepEqual(client.connected(sent).hostAddresses, [hostHome]);
  const introduction = host.introduction(sent);
  assert.equal(introduction.client, undefined);
  assert.equal(introduction.approach?.kind, "first");
});

test("datagrams are relayed between UDP and streams, padded towards streams only, from pieces of any size", () => {
  const server = serving();
  const host = hostByStream(server);
  const { client, clientChannel, hostChannel } = introduced(server, host);
  for (const lengthBytes of [33, 34, 35, 36]) {
    const padded = new Uint8Array(4 + lengthBytes + (-lengthBytes & 3));
    padded.set(channelData(hostChannel, lengthBytes));
    assert.deepEqual(only(server.receive(clientHome, channelData(clientChannel, lengthBytes)), hostByTls), padded);
    assert.deepEqual(server.write(hostByTls, padded.subarray(0, 7), tls), []);
    const toClient = only(server.write(hostByTls, padded.subarray(7), tls), client.address);
    assert.deepEqual(toClient, channelData(clientChannel, lengthBytes));
  }
});

test("two datagrams in one piece of a stream are relayed one by one", () => {
  const server = serving();
  const { clientChannel, hostChannel } = introduced(server, hostByStream(server));
  const piece = Uint8Array.from([...channelData(hostChannel, 40), ...channelData(hostChannel, 44)]);
  assert.deepEqual(
    server.write(hostByTls, piece, tls).map(({ to, bytes }) => [to, bytes]),
    [40, 44].map((lengthBytes) => [clientHome, channelData(clientChannel, lengthBytes)]),
  );
});

test("a host that goes over to a stream takes its channels along, and back to UDP again", () => {
  const server = serving();
  const host = new TestHost(server, hostHome);
  host.registered(host.register());
  const { clientChannel, hostChannel } = introduced(server, host);
  const relayed = (): Uint8Array => only(server.receive(clientHome, channelData(clientChannel)), host.address);
  assert.deepEqual(relayed(), channelData(hostChannel));
  server.dial(hostByTls, tls);
  for (const address of [hostByTls, hostHome]) {
    host.registered(host.register(address));
    assert.deepEqual(relayed(), channelData(hostChannel));
  }
});

test("a host that goes over to a stream takes the channels of both families along", () => {
  const server = serving();
  const host = new TestHost(server, hostHome);
  host.registered(host.register());
  host.registered(host.register(at("[2001:db8::7]:5000")));
  const home6 = at("[2001:db8::9]:6000");
  const client = new TestClient(server, host.clientTicket(), home6);
  const { channel, nonce } = client.connected(client.connect());
  client.prove(nonce);
  assert.deepEqual(portsOf(server.receive(home6, channelData(channel))), [udp6]);
  server.dial(hostByTls, tls);
  host.registered(host.register(hostByTls));
  assert.deepEqual(portsOf(server.receive(home6, channelData(channel))), [tls]);
});

test("a client is introduced over the host's stream, also when another leg of the host is of the client's family", () => {
  const server = serving();
  const host = new TestHost(server, at("[2001:db8::7]:5000"));
  host.registered(host.register());
  server.dial(hostByTls, tls);
  host.registered(host.register(hostByTls));
  const client = new TestClient(server, host.clientTicket(), at("[2001:db8::9]:6000"));
  assert.deepEqual(portsOf(client.connect()), [udp6, tls]);
});

test("a client is introduced by the way that the host came last, since streams die in silence", () => {
  const server = serving();
  const host = hostByStream(server);
  host.registered(host.register(at("[2001:db8::7]:5000")));
  const client = new TestClient(server, host.clientTicket(), clientHome);
  assert.deepEqual(portsOf(client.connect()), [udp, udp6]);
});

test("with a client's stream its channels end, and who has its address next has none of them", () => {
  const server = serving();
  const host = new TestHost(server);
  host.registered(host.register());
  const client = clientByStream(server, host);
  const { channel, nonce } = client.connected(client.connect());
  client.prove(nonce);
  assert.equal(server.server.sizes.channels, 1);
  server.hangUp(clientHome, tls);
  assert.equal(server.server.sizes.channels, 0);
  server.dial(clientHome, tls);
  assert.deepEqual(server.write(clientHome, new TestHost(server).askBytes(), tls).length, 1);
  assert.deepEqual(server.write(clientHome, channelData(channel), tls).length, 1, "a hint, and nothing to the host");
});

test("with a host's stream its channels wait for it, and the next stream from its address is somebody else's", () => {
  const server = serving();
  const host = hostByStream(server);
  const { clientChannel, hostChannel } = introduced(server, host);
  server.hangUp(hostByTls, tls);
  assert.equal(server.server.sizes.channels, 1);
  const late = new TestClient(server, host.clientTicket());
  assert.equal(errorTo(late.connect(), late.address), ErrorCode.hostNotRegistered);
  server.dial(hostByTls, tls);
  assert.equal(errorTo(host.refresh(), hostByTls), ErrorCode.unauthenticated);
  host.registered(host.register());
  const relayed = only(server.receive(clientHome, channelData(clientChannel)), hostByTls);
  assert.deepEqual(relayed.subarray(0, 104), channelData(hostChannel));
});

test("when a host's stream ends, its channels go over to where it is registered by UDP", () => {
  const server = serving();
  const host = hostByStream(server);
  const { clientChannel, hostChannel } = introduced(server, host);
  const home6 = at("[2001:db8::7]:5000");
  host.registered(host.register(home6));
  server.hangUp(hostByTls, tls);
  assert.deepEqual(only(server.receive(clientHome, channelData(clientChannel)), home6), channelData(hostChannel));
  assert.equal(server.server.sizes.tuples, 2);
});

test("what a client sends to a host whose stream has ended reaches nobody, whoever has that address next", () => {
  const server = serving();
  const { clientChannel } = introduced(server, hostByStream(server));
  server.hangUp(hostByTls, tls);
  server.dial(hostByTls, tls);
  assert.deepEqual(server.receive(clientHome, channelData(clientChannel)), []);
  assert.equal(server.server.counters.dropped.of("host-away"), 1);
});

test("a host whose stream died in silence is not registered any more, and who has its address next is not trusted", () => {
  const server = serving();
  const host = hostByStream(server);
  const { client, clientChannel } = introduced(server, host);
  server.pass(defaultLimits.streamIdleMs);
  assert.deepEqual(server.closed, ["198.51.100.7:50001"]);
  assert.equal(errorTo(client.connect(), clientHome), ErrorCode.hostNotRegistered);
  server.dial(hostByTls, tls);
  assert.deepEqual(server.receive(clientHome, channelData(clientChannel)), []);
  assert.equal(errorTo(host.refresh(), hostByTls), ErrorCode.unauthenticated);
});

test("a client's channel ends with the stream that made room for another", () => {
  const server = new TestServer({ ports, limits: { streams: 4 } });
  server.openPorts();
  const host = new TestHost(server);
  host.registered(host.register());
  clientByStream(server, host).connect();
  assert.equal(server.server.sizes.channels, 1);
  server.dial(at("203.0.113.1:9"), tls);
  assert.deepEqual(server.closed, ["192.0.2.9:6000"]);
  assert.equal(server.server.sizes.channels, 0);
});

test("a Connect that was seen on UDP and is said again over a stream is a replay", () => {
  const server = serving();
  const host = new TestHost(server);
  host.registered(host.register());
  const { client } = introduced(server, host);
  const thief = at("203.0.113.66:9");
  server.dial(thief, tls);
  assert.deepEqual(server.write(thief, client.connectBytes(), tls), []);
  assert.equal(server.server.counters.dropped.of("replay"), 1);
});

test("strangers' streams make no room for each other at the cost of a host's or a client's", () => {
  // A stream of TLS takes the places of four.
  const server = new TestServer({ ports, limits: { streams: 12 } });
  server.openPorts();
  const host = hostByStream(server);
  const client = clientByStream(server, host);
  client.prove(client.connected(client.connect()).nonce);
  for (let number = 1; number <= 5; number++) {
    const stranger = at(`203.0.113.${number}:9`);
    server.dial(stranger, tls);
    server.write(stranger, new TestHost(server).askBytes(), tls);
  }
  assert.deepEqual(server.closed, ["203.0.113.1:9", "203.0.113.2:9", "203.0.113.3:9", "203.0.113.4:9"]);
  server.pass(defaultLimits.streamIdleMs);
  assert.equal(server.server.sizes.streams, 0, "who says nothing for long goes all the same");
});

test("streamsPerAddress bounds strangers, and not the hosts and clients of an office", () => {
  const server = new TestServer({ ports, limits: { streamsPerAddress: 2 } });
  server.openPorts();
  const dials = [1, 2, 3, 4].map((number) => at(`198.51.100.7:${number}`));
  for (const address of dials) {
    const host = new TestHost(server, address);
    server.dial(address, tls);
    host.registered(host.register());
  }
  assert.equal(server.server.sizes.streams, 4);
  for (const number of [11, 12, 13]) server.dial(at(`198.51.100.7:${number}`), tls);
  assert.deepEqual(server.closed, ["198.51.100.7:13"]);
});

test("a host that goes from stream to stream keeps nobody out with those that it has left", () => {
  const server = new TestServer({ ports, limits: { streams: 20, streamsPerAddress: 2 } });
  server.openPorts();
  const host = new TestHost(server, hostByTls);
  const dials = [1, 2, 3, 4, 5].map((number) => at(`198.51.100.7:${number}`));
  for (const address of dials) {
    server.dial(address, tls);
    host.registered(host.register(address));
  }
  for (const address of dials) server.write(address, host.askBytes(), tls);
  server.dial(clientHome, tls);
  assert.deepEqual(server.closed, ["198.51.100.7:1"]);
  server.dial(at("198.51.100.7:6"), tls);
  assert.deepEqual(server.closed.slice(1), ["198.51.100.7:6"], "its address has its share already");
});

test("beyond provenStreamsPerAddress a host's stream is like a stranger's", () => {
  const server = new TestServer({ ports, limits: { streamsPerAddress: 2, provenStreamsPerAddress: 3 } });
  server.openPorts();
  for (let number = 1; number <= 6; number++) {
    const address = at(`198.51.100.7:${number}`);
    server.dial(address, tls);
    if (number <= 5) new TestHost(server, address).register();
  }
  assert.equal(server.server.sizes.registrations, 5);
  assert.deepEqual(server.closed, ["198.51.100.7:6"]);
  server.hangUp(at("198.51.100.7:1"), tls);
  server.write(at("198.51.100.7:5"), new TestHost(server).askBytes(), tls);
  server.dial(at("198.51.100.7:7"), tls);
  assert.deepEqual(server.closed, ["198.51.100.7:6", "198.51.100.7:7"]);
});

test("what proves an address of TCP proves nothing of the same one of UDP, and the other way round", () => {
  const server = serving();
  const host = new TestHost(server);
  host.registered(host.register());
  const client = clientByStream(server, host);
  const byStream = client.connected(client.connect()).nonce;
  server.hangUp(clientHome, tls);
  client.transactionId = server.transactionId();
  const byUdp = client.connected(client.connect()).nonce;
  assert.equal(errorTo(client.prove(byStream), clientHome), ErrorCode.staleNonce);
  assert(client.connected(client.prove(byUdp)).proven);
  server.dial(clientHome, tls);
  client.transactionId = server.transactionId();
  assert.equal(client.connected(client.connect()).proven, false);
  assert.equal(errorTo(client.prove(byUdp), clientHome), ErrorCode.staleNonce);
  const ask = new TestHost(server, clientHome);
  const { nonce, serverKey } = ask.nonce();
  server.hangUp(clientHome, tls);
  assert.equal(
    errorTo(server.receive(clientHome, ask.registerBytes(nonce, serverKey)), clientHome),
    ErrorCode.staleNonce,
  );
});

test("a host learns in the answer to its proof where the server takes TLS, once the certificate is told", () => {
  const server = serving();
  const host = new TestHost(server);
  assert.equal(host.registered(host.register()).tls, undefined);
  const keyHash = new Uint8Array(32).fill(5);
  server.tell({ type: "certificate", keyHash });
  assert.deepEqual(host.registered(host.register()).tls, { port: 443, keyHash });
  assert.equal(host.registered(host.refresh()).tls, undefined, "a refresh has no room for it");
});

test("a connection of TLS takes the places of four, and they are free when it is gone", () => {
  const server = new TestServer({ ports, limits: { streams: 9 } });
  server.openPorts();
  const dial = (number: number, port: number): void => server.dial(at(`198.51.100.${number}:5000`), port);
  dial(1, server.tcpPort);
  dial(2, tls);
  dial(3, tls);
  assert.deepEqual(server.closed, []);
  dial(4, server.tcpPort);
  assert.deepEqual(server.closed, ["198.51.100.1:5000"]);
  dial(5, tls);
  assert.deepEqual(server.closed.slice(1), ["198.51.100.2:5000"]);
  server.hangUp(at("198.51.100.3:5000"), tls);
  dial(6, tls);
  assert.equal(server.closed.length, 2);
  assert.equal(server.server.sizes.streams, 3);
});

function serving(): TestServer {
  const server = new TestServer({ ports });
  server.openPorts();
  return server;
}

function hostByStream(server: TestServer): TestHost {
  const host = new TestHost(server, hostByTls);
  server.dial(hostByTls, tls);
  host.registered(host.register());
  return host;
}

function clientByStream(server: TestServer, host: TestHost): TestClient {
  server.dial(clientHome, tls);
  return new TestClient(server, host.clientTicket(), clientHome);
}

/** A client by UDP that was introduced to the host and has proven its address. */
function introduced(server: TestServer, host: TestHost): Pick<Introduced, "client" | "clientChannel" | "hostChannel"> {
  const client = new TestClient(server, host.clientTicket(), clientHome);
  const sent = client.connect();
  const { channel: clientChannel, nonce } = client.connected(sent);
  const { channel: hostChannel } = host.introduction(sent);
  client.prove(nonce);
  return { client, clientChannel, hostChannel };
}

function portsOf(sent: readonly Sent[]): number[] {
  return sent.map(({ port }) => port);
}
