/** TCP between clients and their peers (RFC 6062). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText } from "@fractal-punch/machine";
import { revocationHash } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { Attribute, errorCodeOf, Method, Transport, xorAddress } from "@fractal-punch/wire";
import { at, errorTo, load, only, secret } from "./test-server.ts";
import { attemptOf, TcpTurnClient, TcpTurnServer } from "./test-tcp-turn.ts";
import { minted, TurnClient } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const dataHome = at("203.0.113.7:5001");
const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("an allocation of TCP listens at its relayed address, and is asked for over TCP only (section 5.1)", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  assert.deepEqual(
    server.opened.filter(({ port }) => port === client.relayedAddress.port).map(({ transport }) => transport),
    ["tcp"],
  );
  const overUdp = new TurnClient(server, at("203.0.113.8:5000"));
  const asked = (one: TurnClient, type?: number, value = new Uint8Array(0)): number | undefined =>
    errorCodeOf(
      one.ask(Method.allocate, (builder) => {
        builder.u32(Attribute.requestedTransport, Transport.tcp << 24);
        if (type !== undefined) builder.attribute(type, value);
      }),
    );
  assert.equal(asked(overUdp), 400);
  const other = at("203.0.113.9:5000");
  server.dial(other);
  const overTcp = new TurnClient(server, other, minted("carol"), undefined, server.tcpPort);
  assert.equal(asked(overTcp, Attribute.evenPort, Uint8Array.of(0)), 400);
  assert.equal(asked(overTcp, Attribute.reservationToken, new Uint8Array(8)), 400);
  assert.equal(asked(overTcp, Attribute.dontFragment), 400);
  assert.equal(asked(overTcp), undefined);
});

test("a client connects to a peer, binds the connection, and bytes go both ways as they are (5.2, 5.4)", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  const { id, port } = client.connected(peer);
  assert(server.held.has(`${port} ${addressText(peer)}`), "what the peer sends waits until it is bound");
  const [answer] = client.bindConnection(id, dataHome);
  assert.deepEqual([answer?.to, errorCodeOf(load(answer?.bytes ?? data))], [dataHome, undefined]);
  assert.deepEqual([...server.held], []);
  const looksLikeStun = Uint8Array.of(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...data);
  for (const bytes of [data, looksLikeStun, new Uint8Array(60_000), Uint8Array.of(0x40)]) {
    assert.deepEqual(
      server.write(dataHome, bytes).map((sent) => [sent.port, sent.to, sent.bytes]),
      [[port, peer, bytes]],
    );
    assert.deepEqual(
      server.receive(peer, bytes, port).map((sent) => [sent.port, sent.to, sent.bytes]),
      [[server.tcpPort, dataHome, bytes]],
    );
  }
  const { served, relayedBytes } = server.server.counters;
  assert.deepEqual([server.server.sizes.connections, served.of("stream-data"), relayedBytes], [1, 8, 120_038]);
});

test("what follows the ConnectionBind in its piece goes to the peer, behind its answer", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  const { id, port } = client.connected(peer);
  const sent = client.bindConnection(id, dataHome, data);
  assert.deepEqual(
    sent.map((one) => one.port),
    [server.tcpPort, port],
  );
  assert.deepEqual(sent[1]?.bytes, data);
});

test("a permitted peer that connects is told of to the client, who binds it; others are closed (5.3)", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  assert.deepEqual(server.peerDials(peer, client.relayedAddress), []);
  assert.deepEqual(server.closed, [addressText(peer)]);
  assert.equal(client.permit(at("198.51.100.9:1")), undefined);
  const [attempt] = server.peerDials(peer, client.relayedAddress);
  assert.deepEqual([attempt?.port, attempt?.to], [client.port, home]);
  const { id, peer: told } = attemptOf(attempt?.bytes ?? data);
  assert.deepEqual(told, peer);
  assert.equal(errorCodeOf(load(only(client.bindConnection(id, dataHome), dataHome))), undefined);
  assert.deepEqual(server.write(dataHome, data)[0]?.to, peer);
});

test("the errors of RFC 6062 come in the cases that it names", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  const codeOf = (write: Parameters<TurnClient["ask"]>[1]) => errorCodeOf(client.ask(Method.tcpConnect, write));
  assert.equal(codeOf(undefined), 400);
  assert.equal(
    codeOf((builder) => builder.attribute(Attribute.xorPeerAddress, data)),
    400,
  );
  for (const text of ["127.0.0.1:80", "10.0.0.1:80", "169.254.169.254:80", "192.0.2.1:48800"])
    assert.equal(errorTo(client.connect(at(text)), home), 403, text);
  assert.equal(errorTo(client.connect(at("198.51.100.9:0")), home), 400);
  assert.equal(errorTo(client.connect(at("[2001:db8::9]:7000")), home), 443);
  assert.deepEqual(client.connect(peer), []);
  assert.equal(errorTo(client.connect(peer), home), 446, "it is being set up");
  const id = errorTo(server.hear({ type: "port-failed", port: server.dialPort, code: "ECONNREFUSED" }), home);
  assert.equal(id, 447);
  client.connected(peer);
  assert.equal(errorTo(client.connect(peer), home), 446, "it waits to be bound");
  const nobody = at("203.0.113.8:5000");
  server.dial(nobody);
  const without = new TurnClient(server, nobody, minted("bob"), undefined, server.tcpPort);
  const asked = (one: TurnClient) =>
    errorCodeOf(one.ask(Method.tcpConnect, (builder) => builder.xorAddress(Attribute.xorPeerAddress, peer)));
  assert.equal(asked(without), 437);
  without.relayed();
  assert.equal(asked(without), 437, "an allocation of UDP");
  assert.equal(client.bind(0x4001, peer), 437, "an allocation of TCP has no channels");
  const eve = new TurnClient(server, home, minted("eve"), undefined, server.tcpPort);
  assert.equal(asked(eve), 441);
});

test("a connection is bound once, by its user, on a stream of TCP with nothing else on it", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  const { id } = client.connected(peer);
  const codeOf = (one: TurnClient, wanted: number | undefined) =>
    errorCodeOf(
      one.ask(Method.connectionBind, (builder) => wanted !== undefined && builder.u32(Attribute.connectionId, wanted)),
    );
  const from = (text: string, name: string): TurnClient => {
    server.dial(at(text));
    return new TurnClient(server, at(text), minted(name), undefined, server.tcpPort);
  };
  assert.equal(codeOf(from("203.0.113.8:1", "eve"), id), 400);
  assert.equal(codeOf(from("203.0.113.7:1", "bob"), id ^ 1), 400);
  assert.equal(codeOf(from("203.0.113.7:2", "bob"), undefined), 400);
  assert.equal(codeOf(client, id), 400, "its own control connection");
  assert.equal(codeOf(new TurnClient(server, at("203.0.113.7:3")), id), 400, "over UDP");
  const bound = from("203.0.113.7:4", "bob");
  assert.equal(codeOf(bound, id), undefined);
  assert.equal(codeOf(from("203.0.113.7:5", "bob"), id), 400);
});

test("a ConnectionBind may have the nonce of the control connection, and that of no other address", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  const { id } = client.connected(peer);
  const other = new TcpTurnClient(server, at("203.0.113.8:5000"), client.credential);
  const codeOf = (one: TurnClient, from: string) => {
    server.dial(at(from));
    const bytes = one.request(Method.connectionBind, (builder) => builder.u32(Attribute.connectionId, id));
    return errorTo(server.write(at(from), bytes), at(from));
  };
  assert.equal(codeOf(other, "203.0.113.7:1"), 438);
  assert.equal(codeOf(client, "203.0.113.7:2"), undefined);
});

test("a connection that is not bound ends after 30 s", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  const { id, port } = client.connected(peer);
  server.pass(29_999);
  assert.equal(server.server.sizes.connections, 1);
  server.pass(1);
  assert.deepEqual([server.server.sizes.connections, server.closed], [0, [addressText(peer)]]);
  assert.equal(errorTo(client.bindConnection(id, dataHome), dataHome), 400);
  server.pass(6_000);
  assert.deepEqual([server.dials.has(port), server.server.counters.dropped.of("unbound")], [false, 1]);
});

test("a connection that is bound lives on, however silent, as long as its allocation", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  client.bindConnection(client.connected(peer).id, dataHome);
  server.pass(599_999);
  assert.equal(server.write(dataHome, data).length, 1);
});

test("a Send indication or ChannelData on an allocation of TCP reaches nobody, a connected peer least of all", () => {
  const server = new TcpTurnServer();
  const client = new TcpTurnClient(server, home);
  client.permit(peer);
  server.peerDials(peer, client.relayedAddress);
  const { id } = client.connected(at("198.51.100.9:7001"));
  client.bindConnection(id, dataHome);
  for (const to of [peer, at("198.51.100.9:7001")]) assert.deepEqual(client.send(to, data), []);
  for (const { to } of client.channelData(0x4001, data)) assert.deepEqual(to, home);
  assert.equal(server.server.counters.dropped.of("no-allocation"), 2);
});

test("with one end of a connection the other ends, once what was sent to it has left (5.5)", () => {
  for (const side of ["client", "peer"] as const) {
    const server = new TcpTurnServer();
    const client = new TcpTurnClient(server, home);
    const { id, port } = client.connected(peer);
    client.bindConnection(id, dataHome);
    if (side === "client") server.ended(server.tcpPort, dataHome);
    else server.ended(port, peer);
    assert.deepEqual(server.closed, [addressText(side === "client" ? peer : dataHome)]);
    assert.equal(server.dials.has(port), side === "client", "a port that dialled is closed when it has sent all");
    server.pass(6_000);
    assert.equal(server.dials.size, 0);
    assert.deepEqual([server.server.sizes.connections, server.server.sizes.streams], [0, 1]);
    assert.deepEqual(client.connect(peer), [], "there may be another one");
  }
});

for (const [name, end] of [
  ["its control connection ends", (client: TcpTurnClient) => client.server.hangUp(home)],
  ["it is refreshed with LIFETIME 0", (client: TcpTurnClient) => client.refresh(0)],
  ["it is not refreshed", (client: TcpTurnClient) => client.server.pass(600_000)],
  [
    "its user is revoked",
    (client: TcpTurnClient) => client.server.revoke(revocationHash(nodePrimitives, secret, client.credential.username)),
  ],
] as const) {
  test(`an allocation ends with all its connections when ${name}`, () => {
    const server = new TcpTurnServer();
    const client = new TcpTurnClient(server, home);
    const { id } = client.connected(peer);
    client.bindConnection(id, dataHome);
    client.permit(peer);
    server.peerDials(at("198.51.100.9:7001"), client.relayedAddress);
    client.connected(at("198.51.100.9:7002"));
    client.connect(at("198.51.100.9:7003"));
    assert.equal(server.server.sizes.connections, 4);
    end(client);
    server.pass(60_000);
    assert.equal(server.server.sizes.connections, 0);
    assert.deepEqual([server.server.sizes.allocations, server.dials.size, server.relays.size], [0, 0, 0]);
    assert.equal(server.server.sizes.streams, 0);
  });
}

test("UDP and TCP of one number are two relayed addresses", () => {
  const relayPorts = { first: 50_000, last: 50_001 };
  const server = new TcpTurnServer({
    turn: { realm: "punch.example.org", users: new Map(), relayPorts, allow: [], deny: [] },
  });
  const client = new TcpTurnClient(server, home);
  const taken = client.relayedAddress;
  server.failure = ({ port }) => (port === taken.port ? undefined : "EADDRINUSE");
  const udp = new TurnClient(server, at("203.0.113.8:5000"), minted("carol"));
  assert.deepEqual(xorAddress(udp.allocate(), Attribute.xorRelayedAddress), taken);
  udp.refresh(0);
  client.permit(at("9.9.9.9:1"));
  assert.equal(server.peerDials(at("9.9.9.9:2"), taken).length, 1);
});
