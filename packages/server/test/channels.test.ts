import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText, type Random } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { channelOf, MessageClass, Method, type Ticket } from "@fractal-punch/wire";
import { channelData, connectPair, introducePair, TestClient, TestHost } from "./test-peers.ts";
import { at, load, only, type Sent, startSeconds, TestServer, yearSeconds } from "./test-server.ts";

test("ChannelData reaches the other side under its number, and nobody else", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel } = connectPair(server);
  connectPair(server, { host: "198.51.100.8:5000", client: "192.0.2.10:6000" });
  for (let i = 0; i < 20; i++) {
    const there = server.receive(client.address, channelData(clientChannel, i));
    assert.deepEqual(there, [{ port: 0, to: host.address, bytes: channelData(hostChannel, i) }]);
    const back = server.receive(host.address, channelData(hostChannel, i));
    assert.deepEqual(back, [{ port: 0, to: client.address, bytes: channelData(clientChannel, i) }]);
  }
  assert.equal(server.server.counters.served.of("channel-data"), 40);
});

test("what is relayed keeps its ECN bits, from the first datagram on", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel } = connectPair(server);
  for (const ecn of [1, 2, 3, 0]) {
    const sent = server.receive(client.address, channelData(clientChannel), 0, { ecn });
    const options = ecn === 0 ? {} : { options: { ecn } };
    assert.deepEqual(sent, [{ port: 0, to: host.address, bytes: channelData(hostChannel), ...options }]);
  }
});

test("a peer in the other family is reached through its own port", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel } = connectPair(server, { client: "[2001:db8::9]:6000" });
  const there = server.receive(client.address, channelData(clientChannel));
  assert.deepEqual(there, [{ port: 0, to: host.address, bytes: channelData(hostChannel) }]);
  const back = server.receive(host.address, channelData(hostChannel));
  assert.deepEqual(back, [{ port: 1, to: client.address, bytes: channelData(clientChannel) }]);
});

test("a channel's number means nothing on another 5-tuple, and another number nothing on this", () => {
  const server = new TestServer();
  const { client, host, clientChannel, hostChannel } = connectPair(server);
  const others = ["192.0.2.9:6001", "192.0.2.10:6000", addressText(host.address)].map(at);
  for (const from of others) assertOnlyHint(server.receive(from, channelData(clientChannel)), from);
  assertOnlyHint(server.receive(client.address, channelData(hostChannel)), client.address);
  assertOnlyHint(server.receive(client.address, channelData(clientChannel), 2), client.address);
});

test("ChannelData that says more than there is, is dropped", () => {
  const server = new TestServer();
  const { client, clientChannel } = connectPair(server);
  const bytes = channelData(clientChannel, 100);
  assert.deepEqual(server.receive(client.address, bytes.subarray(0, 103)), []);
  assert.deepEqual(server.receive(client.address, bytes.subarray(0, 3)), []);
  assert.deepEqual(server.receive(client.address, channelData(clientChannel, 1229)), [], "larger than 1,232 bytes");
});

test("a channel ends channelLifeMs after the last datagram of either side", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel } = connectPair(server);
  for (let i = 0; i < 10; i++) {
    server.pass(defaultLimits.channelLifeMs - 1);
    const fromHost = i % 2 === 0;
    const from = fromHost ? host.address : client.address;
    assert.equal(server.receive(from, channelData(fromHost ? hostChannel : clientChannel)).length, 1);
    host.refresh();
  }
  server.pass(defaultLimits.channelLifeMs);
  assert.equal(server.server.sizes.channels, 0);
  assert.equal(server.server.sizes.tuples, 1, "the host's");
});

test("an unproven client's channel ends unprovenChannelLifeMs after its last datagram", () => {
  const server = new TestServer();
  const { client, clientChannel } = introducePair(server);
  server.pass(defaultLimits.unprovenChannelLifeMs - 1);
  assert.equal(server.receive(client.address, channelData(clientChannel)).length, 1);
  server.pass(defaultLimits.unprovenChannelLifeMs - 1);
  assert.equal(server.server.sizes.channels, 1);
  server.pass(1);
  assert.equal(server.server.sizes.channels, 0);
});

test("an unproven client gets no byte more than came from it, and a proven one all", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel, nonce } = introducePair(server);
  const answered = only(client.connect(), client.address).length;
  const received = 2 * client.connectBytes().length;
  let sent = 2 * answered;
  const relay = (lengthBytes: number): number => {
    const [datagram] = server.receive(host.address, channelData(hostChannel, lengthBytes));
    return datagram?.bytes.length ?? 0;
  };
  for (;;) {
    const bytes = relay(96);
    if (bytes === 0) break;
    sent += bytes;
  }
  assert(sent <= received && received - sent < 100, `${received} received, ${sent} sent`);
  const left = received - sent;
  assert.equal(relay(left - 4), left, "to the last byte");
  assert.equal(relay(0), 0);
  server.receive(client.address, channelData(clientChannel, 60));
  assert.equal(relay(61), 0);
  assert.equal(relay(60), 64);
  assert.equal(server.server.counters.dropped.of("no-credit"), 3);
  client.prove(nonce);
  for (let i = 0; i < 100; i++) assert.equal(relay(1000), 1004);
});

test("a returned nonce proves what the same ticket has on that 5-tuple, before and after, and no other ticket's", () => {
  const server = new TestServer();
  const { host, client, hostChannel } = introducePair(server);
  const connect = (
    ticket: Ticket,
  ): { readonly peer: TestClient; readonly nonce: Uint8Array; readonly number: number } => {
    const peer = new TestClient(server, ticket, client.address);
    const sent = peer.connect();
    return { peer, nonce: peer.connected(sent).nonce, number: host.introduction(sent).channel };
  };
  const other = connect(host.clientTicket(startSeconds + yearSeconds + 1));
  const second = connect(client.ticket);
  const reaches = (number: number): boolean => {
    for (let i = 0; i < 10; i++) if (server.receive(host.address, channelData(number, 1000)).length === 0) return false;
    return true;
  };
  assert.equal(reaches(hostChannel), false);
  assert.equal(second.peer.connected(second.peer.prove(second.nonce)).proven, true);
  const late = connect(client.ticket);
  assert.deepEqual([hostChannel, second.number, late.number, other.number].map(reaches), [true, true, true, false]);
  server.pass(defaultLimits.unprovenChannelLifeMs);
  assert.equal(server.server.sizes.channels, 3, "they live as long as proven ones do");
  server.pass(defaultLimits.channelLifeMs);
  assert.equal(server.server.sizes.channels, 0);
  assert.equal(reaches(connect(client.ticket).number), false, "once they have ended it is proven anew");
});

test("a host that registers from a new 5-tuple keeps its channels", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel } = connectPair(server);
  const old = host.address;
  host.registered(host.register(at("198.51.100.99:5000")));
  const there = server.receive(client.address, channelData(clientChannel));
  assert.deepEqual(only(there, host.address), channelData(hostChannel));
  const back = server.receive(host.address, channelData(hostChannel));
  assert.deepEqual(only(back, client.address), channelData(clientChannel));
  assertOnlyHint(server.receive(old, channelData(hostChannel)), old);
});

test("a host that missed its refreshes keeps its channels, and finds them when it registers again", () => {
  const server = new TestServer();
  const { host, client, clientChannel, hostChannel } = connectPair(server);
  for (let i = 0; i < 10; i++) {
    server.pass(30_000);
    assert.equal(server.receive(client.address, channelData(clientChannel)).length, 1);
  }
  assert.equal(server.takeEvents("registration-ended").length, 1);
  host.registered(host.register(at("198.51.100.99:5000")));
  const there = server.receive(client.address, channelData(clientChannel));
  assert.deepEqual(only(there, host.address), channelData(hostChannel));
  assert.equal(server.server.sizes.tuples, 2, "the old 5-tuple is forgotten");
});

test("a lapsed host that does not come back is forgotten with its last channel", () => {
  const server = new TestServer();
  const { client, clientChannel } = connectPair(server);
  for (let i = 0; i < 8; i++) {
    server.pass(30_000);
    server.receive(client.address, channelData(clientChannel));
  }
  server.pass(2 * defaultLimits.channelLifeMs);
  const { registrations, tuples, channels } = server.server.sizes;
  assert.deepEqual([registrations, tuples, channels], [0, 0, 0]);
  assert.equal(server.server.nextWake(), Infinity);
});

test("two hosts behind one socket keep their channels apart when one moves", () => {
  const server = new TestServer();
  const { host: first, client, clientChannel } = connectPair(server);
  const second = new TestHost(server, first.address);
  second.registered(second.register());
  const other = new TestClient(server, second.clientTicket(), at("192.0.2.10:6000"));
  const { channel } = other.open();
  second.registered(second.register(at("198.51.100.7:5999")));
  assert.equal(server.receive(client.address, channelData(clientChannel))[0]?.to.port, 5000);
  assert.equal(server.receive(other.address, channelData(channel))[0]?.to.port, 5999);
});

test("a host that moves to a 5-tuple where its channel's number is taken loses that channel, and nobody another", () => {
  const server = new TestServer({ random: alwaysZero });
  const stays = connectPair(server, { host: "198.51.100.7:5000", client: "192.0.2.9:6000" });
  const moves = connectPair(server, { host: "198.51.100.8:5000", client: "192.0.2.10:6000" });
  assert.equal(moves.hostChannel, stays.hostChannel);
  moves.host.registered(moves.host.register(stays.host.address));
  assert.equal(server.server.sizes.channels, 1);
  const back = server.receive(stays.host.address, channelData(stays.hostChannel));
  assert.deepEqual(only(back, stays.client.address), channelData(stays.clientChannel));
});

test("ChannelData of 36 bytes or more on an unknown channel is answered with a hint of 36, shorter with nothing", () => {
  const server = new TestServer();
  const from = at("192.0.2.9:6000");
  const [hint] = server.receive(from, channelData(0x4123, 32));
  assert(hint);
  const message = load(hint.bytes);
  assert.deepEqual(
    [hint.bytes.length, message.messageClass, message.method],
    [36, MessageClass.indication, Method.connect],
  );
  assert.equal(channelOf(message), 0x4123);
  assert.deepEqual(server.receive(from, channelData(0x4123, 31)), []);
});

test("hintRate holds the hints to an address, and leaves its neighbours theirs", () => {
  const server = new TestServer();
  const hints = (port: number): number => hintsTo(server, Array(50).fill(`192.0.2.1:${port}`));
  assert.equal(hints(6000), defaultLimits.hintRate.burst);
  assert.equal(hints(6000), 0);
  assert.equal(hints(6001), defaultLimits.hintRate.burst);
  server.pass(1000);
  assert.equal(hints(6000), defaultLimits.hintRate.perSecond);
});

test("prefixHintRate holds the hints to a prefix", () => {
  const server = new TestServer();
  const hints = (): number =>
    hintsTo(
      server,
      Array.from({ length: 200 }, (_, i) => `192.0.2.${i}:6000`),
    );
  assert.equal(hints(), defaultLimits.prefixHintRate.burst);
  assert.equal(hints(), 0);
  server.pass(1000);
  assert.equal(hints(), defaultLimits.prefixHintRate.perSecond);
});

/** How many hints ChannelData on an unknown channel from these addresses draws. */
function hintsTo(server: TestServer, addresses: readonly string[]): number {
  return addresses.reduce((sum, from) => sum + server.receive(at(from), channelData(0x4123, 40)).length, 0);
}

/** With it, the first channel on each 5-tuple has the same number. */
const alwaysZero: Random = {
  fill(bytes) {
    bytes.fill(0);
  },
};

function assertOnlyHint(sent: readonly Sent[], to: { readonly port: number }): void {
  assert(sent.length <= 1);
  for (const datagram of sent) {
    assert.equal(datagram.to, to);
    assert.equal(datagram.bytes.length, 36);
  }
}
