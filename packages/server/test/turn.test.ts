import assert from "node:assert/strict";
import { test } from "node:test";
import { addressText, sameIp } from "@fractal-punch/machine";
import { defaultLimits, revocationHash } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { Attribute, errorCodeOf, Method, u32Of, xorAddress, xorAddresses } from "@fractal-punch/wire";
import { connectPair } from "./test-peers.ts";
import { at, secret, seededRandom, TestServer } from "./test-server.ts";
import { dataOf, minted, realmOf, relayIp, TurnClient, TurnServer, turnOptions } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("an Allocate without credentials is answered with 401, a realm, a nonce and the algorithms", () => {
  const answer = new TurnClient(new TurnServer(), home).challenge();
  assert.equal(errorCodeOf(answer), 401);
  assert.equal(realmOf(answer), "punch.example.org");
  assert.match(Buffer.from(answer.value(Attribute.nonce) ?? []).toString(), /^obMatJos2/);
  assert.equal(answer.has(Attribute.passwordAlgorithms), true);
});

for (const algorithm of [undefined, "md5", "sha256"] as const) {
  test(`a client that is minted a password allocates (${algorithm ?? "no choice of algorithms"})`, () => {
    const answer = new TurnClient(new TurnServer(), home, minted("bob"), algorithm).allocate();
    const relayed = xorAddress(answer, Attribute.xorRelayedAddress);
    assert(relayed && sameIp(relayed, relayIp) && relayed.port >= 50_000 && relayed.port <= 50_999);
    assert.deepEqual(xorAddress(answer, Attribute.xorMappedAddress), home);
    assert.equal(u32Of(answer, Attribute.lifetime), 600);
  });
}

test("a user of the configuration allocates, with a password for each byte", () => {
  const client = new TurnClient(new TurnServer(), home, { username: "alice", password: "wonderland" });
  assert.equal(errorCodeOf(client.allocate()), undefined);
});

test("a wrong password, an unknown user, an expired one and a host's ticket are answered with 401", () => {
  const server = new TurnServer();
  const credentials = [
    { ...minted("bob"), password: "wrong" },
    { username: "mallory", password: "x" },
    minted("bob", 1),
    minted("host/studio"),
  ];
  for (const credential of credentials)
    assert.equal(errorCodeOf(new TurnClient(server, home, credential).allocate()), 401, credential.username);
  assert.equal(server.server.sizes.allocations, 0);
});

test("a nonce of another address, and one that is too old, are answered with 438, and the next works", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  assert.equal(errorCodeOf(client.allocate()), undefined);
  server.pass(defaultLimits.nonceLifeMs - 1000);
  client.refresh();
  server.pass(2000);
  assert.equal(errorCodeOf(client.refresh()), 438);
});

test("a nonce of the process before is answered with 438, and the new one works", () => {
  const client = new TurnClient(new TurnServer(), home);
  client.relayed();
  client.server = new TurnServer({ random: seededRandom(2) });
  assert.equal(errorCodeOf(client.refresh()), 438);
  assert.equal(errorCodeOf(client.refresh()), 437);
  client.relayed();
});

test("data goes to a permitted peer by Send and by channel, and comes back by Data indication and by channel", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const relayed = client.relayed();
  assert.deepEqual(client.send(peer, data), [], "not permitted yet");
  assert.deepEqual(server.fromPeer(peer, relayed, data), []);
  assert.equal(client.permit(peer), undefined);
  const [sent] = client.send(peer, data);
  assert.deepEqual([sent?.to, sent?.bytes], [peer, data]);
  const [indication] = server.fromPeer(peer, relayed, data);
  assert.deepEqual(indication?.to, home);
  assert.deepEqual(dataOf(indication?.bytes ?? data), { peer, data });
  assert.equal(client.bind(0x4001, peer), undefined);
  const [out] = client.channelData(0x4001, data);
  assert.deepEqual([out?.to, out?.bytes], [peer, data]);
  const [back] = server.fromPeer(peer, relayed, data);
  assert.deepEqual(back?.bytes, Uint8Array.of(0x40, 0x01, 0, 5, ...data));
  assert.deepEqual(server.fromPeer(at("198.51.100.10:7000"), relayed, data), [], "another address is not permitted");
  assert.equal(server.fromPeer(at("198.51.100.9:7001"), relayed, data).length, 1, "another port of it is");
});

test("two clients of one server reach each other by their relayed addresses, inside the server", () => {
  const server = new TurnServer();
  const [one, other] = [new TurnClient(server, home), new TurnClient(server, at("203.0.113.8:5000"))];
  const [first, second] = [one.relayed(), other.relayed()];
  assert.equal(one.permit(second), undefined);
  assert.deepEqual(one.send(second, data), [], "the other has not permitted it");
  assert.equal(other.permit(first), undefined);
  const [sent] = one.send(second, data);
  assert.deepEqual(sent?.to, other.address);
  assert.deepEqual(dataOf(sent?.bytes ?? data), { peer: first, data });
  assert.deepEqual(one.send(at("192.0.2.1:48800"), data), [], "the server's other ports are not reached");
});

test("peers that must not be relayed to are refused with 403, in every request", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  client.relayed();
  for (const text of ["127.0.0.1:80", "10.0.0.1:80", "169.254.169.254:80", "0.0.0.0:80", "224.0.0.1:80"]) {
    assert.equal(client.permit(at(text)), 403, text);
    assert.equal(client.permit(peer, at(text)), 403, `${text} behind one that may be`);
    assert.equal(client.bind(0x4001, at(text)), 403, text);
    assert.deepEqual(client.send(at(text), data), [], text);
  }
  assert.deepEqual(client.send(peer, data), [], "nothing of a refused CreatePermission is kept");
});

test("the errors of RFC 8656 come in the cases that it names", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const codeOf = (method: number, write?: Parameters<TurnClient["ask"]>[1]): number | undefined =>
    errorCodeOf(client.ask(method, write));
  assert.equal(codeOf(Method.refresh), 437);
  assert.equal(client.permit(peer), 437);
  assert.equal(client.bind(0x4001, peer), 437);
  assert.equal(codeOf(Method.allocate), 400, "no REQUESTED-TRANSPORT");
  assert.equal(
    codeOf(Method.allocate, (builder) => builder.u32(Attribute.requestedTransport, 33 * 0x100_0000)),
    442,
  );
  const withFamily = (type: number, family: number): number | undefined =>
    errorCodeOf(client.allocate((builder) => builder.u32(type, family * 0x100_0000)));
  assert.equal(withFamily(Attribute.requestedAddressFamily, 3), 440);
  assert.equal(withFamily(Attribute.additionalAddressFamily, 1), 400);
  assert.equal(
    errorCodeOf(client.allocate((builder) => builder.attribute(Attribute.dontFragment, new Uint8Array(0)))),
    420,
  );
  client.relayed();
  assert.equal(errorCodeOf(client.allocate()), 437);
  const stranger = new TurnClient(server, home, minted("eve"));
  assert.equal(errorCodeOf(stranger.refresh()), 441);
  assert.equal(client.permit(at("[2001:db8::9]:7000")), 443);
  assert.equal(client.bind(0x4001, at("[2001:db8::9]:7000")), 443);
  assert.equal(codeOf(Method.createPermission), 400);
  assert.equal(client.bind(0x3fff, peer), 400);
  assert.equal(client.bind(0x8000, peer), 400);
  assert.equal(client.bind(0x4001, peer), undefined);
  assert.equal(client.bind(0x4001, at("198.51.100.10:7000")), 400, "the number stands for another peer");
  assert.equal(client.bind(0x4002, peer), 400, "the peer has another number");
  assert.equal(client.bind(0x4001, peer), undefined, "the same again");
});

test("an Allocate that is repeated gets the same relayed address, and another one is refused", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const id = client.transactionId();
  const [first, second] = [1, 2].map(() => xorAddress(client.allocate(undefined, id), Attribute.xorRelayedAddress));
  assert.deepEqual(first, second);
  assert.equal(server.server.sizes.allocations, 1);
});

test("IPv6, or both families, are relayed from when asked for; one that cannot be had is told", () => {
  const server = new TurnServer();
  const asking = (client: TurnClient, type: number) => client.allocate((builder) => builder.u32(type, 2 * 0x100_0000));
  const six = asking(new TurnClient(server, home), Attribute.requestedAddressFamily);
  assert.deepEqual(
    xorAddresses(six, Attribute.xorRelayedAddress).map(({ family }) => family),
    [6],
  );
  const both = asking(new TurnClient(server, at("203.0.113.7:5001")), Attribute.additionalAddressFamily);
  assert.deepEqual(
    xorAddresses(both, Attribute.xorRelayedAddress).map(({ family }) => family),
    [4, 6],
  );
  server.failure = ({ family }) => (family === 6 ? "EAFNOSUPPORT" : undefined);
  const one = asking(new TurnClient(server, at("203.0.113.7:5002")), Attribute.additionalAddressFamily);
  assert.deepEqual(
    xorAddresses(one, Attribute.xorRelayedAddress).map(({ family }) => family),
    [4],
  );
  assert.equal(one.value(Attribute.addressErrorCode)?.[0], 2);
  const none = asking(new TurnClient(server, at("203.0.113.7:5003")), Attribute.requestedAddressFamily);
  assert.equal(errorCodeOf(none), 440);
});

test("a port that is taken is drawn again; when none can be had the answer is 508, and nothing is left", () => {
  const server = new TurnServer();
  let tries = 0;
  server.failure = () => (tries++ < 3 ? "EADDRINUSE" : undefined);
  assert.equal(errorCodeOf(new TurnClient(server, home).allocate()), undefined);
  assert.equal(tries, 4);
  server.failure = () => "EADDRINUSE";
  assert.equal(errorCodeOf(new TurnClient(server, at("203.0.113.8:5000")).allocate()), 508);
  assert.deepEqual([server.server.sizes.allocations, server.server.sizes.tuples, server.relays.size], [1, 1, 1]);
});

test("EVEN-PORT gives an even port", () => {
  const server = new TurnServer();
  for (let i = 0; i < 20; i++) {
    const client = new TurnClient(server, at(`203.0.113.7:${5000 + i}`));
    const answer = client.allocate((builder) => builder.attribute(Attribute.evenPort, Uint8Array.of(0)));
    assert.equal((xorAddress(answer, Attribute.xorRelayedAddress)?.port ?? 1) % 2, 0);
  }
});

test("EVEN-PORT with the R bit keeps the port above, for 30 s and for who has the token", () => {
  const server = new TurnServer();
  const pairOf = (client: TurnClient) =>
    client.allocate((builder) => builder.attribute(Attribute.evenPort, Uint8Array.of(0x80)));
  const withToken = (client: TurnClient, token: Uint8Array | undefined) =>
    client.allocate((builder) => builder.attribute(Attribute.reservationToken, token ?? new Uint8Array(8)));
  const first = pairOf(new TurnClient(server, home));
  const lower = xorAddress(first, Attribute.xorRelayedAddress);
  const token = first.value(Attribute.reservationToken);
  assert(lower && token);
  assert.deepEqual([lower.port % 2, server.relays.size], [0, 2]);
  const upper = { ...lower, port: lower.port + 1 };
  assert.deepEqual(server.fromPeer(peer, upper, data), [], "it lets nobody in yet");
  assert.equal(errorCodeOf(withToken(new TurnClient(server, at("203.0.113.7:5001"), minted("eve")), token)), 508);
  const second = new TurnClient(server, at("203.0.113.7:5001"));
  assert.deepEqual(xorAddress(withToken(second, token), Attribute.xorRelayedAddress), upper);
  second.permit(peer);
  assert.equal(server.fromPeer(peer, upper, data).length, 1);
  const third = new TurnClient(server, at("203.0.113.7:5002"));
  assert.equal(errorCodeOf(withToken(third, token)), 508, "it is spent");
  const late = pairOf(third).value(Attribute.reservationToken);
  server.pass(30_000);
  assert.equal(server.relays.size, 3);
  assert.equal(errorCodeOf(withToken(new TurnClient(server, at("203.0.113.7:5003")), late)), 508);
});

test("when the port above an even one is taken, another pair is drawn and the first port closed", () => {
  const server = new TurnServer();
  let tries = 0;
  server.failure = ({ port }) => (port % 2 === 1 && tries++ < 3 ? "EADDRINUSE" : undefined);
  const answer = new TurnClient(server, home).allocate((builder) =>
    builder.attribute(Attribute.evenPort, Uint8Array.of(0x80)),
  );
  assert.equal(answer.has(Attribute.reservationToken), true);
  assert.deepEqual([tries, server.relays.size], [4, 2]);
  server.failure = ({ port }) => (port % 2 === 1 ? "EADDRINUSE" : undefined);
  const hopeless = new TurnClient(server, at("203.0.113.7:5001")).allocate((builder) =>
    builder.attribute(Attribute.evenPort, Uint8Array.of(0x80)),
  );
  assert.deepEqual([errorCodeOf(hopeless), server.relays.size, server.server.sizes.allocations], [508, 2, 1]);
});

test("an allocation ends with LIFETIME 0, and when it is not refreshed; its port is closed and nothing is left", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  client.relayed();
  assert.equal(u32Of(client.refresh(0), Attribute.lifetime), 0);
  assert.deepEqual([server.server.sizes.allocations, server.server.sizes.tuples, server.relays.size], [0, 0, 0]);
  assert.equal(server.server.nextWake(), Infinity);
  client.relayed();
  assert.equal(u32Of(client.refresh(1_000_000), Attribute.lifetime), defaultLimits.allocationLifeMs / 1000);
  assert.equal(u32Of(client.refresh(1), Attribute.lifetime), 600);
  server.pass(599_999);
  assert.equal(server.server.sizes.allocations, 1);
  server.pass(1);
  assert.deepEqual([server.server.sizes.allocations, server.server.sizes.tuples, server.relays.size], [0, 0, 0]);
});

test("a permission ends after 300 s, a channel after 600, and each is renewed by asking again", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const relayed = client.relayed();
  client.refresh(3600);
  client.bind(0x4001, peer);
  server.pass(299_999);
  assert.equal(client.channelData(0x4001, data).length, 1);
  server.pass(1);
  assert.deepEqual(client.channelData(0x4001, data), []);
  assert.deepEqual(server.fromPeer(peer, relayed, data), []);
  client.permit(peer);
  assert.equal(client.channelData(0x4001, data).length, 1);
  server.pass(300_000);
  client.permit(peer);
  assert.deepEqual(client.channelData(0x4001, data), []);
  assert.equal(client.bind(0x4002, peer), undefined, "the peer is free for another number");
});

test("allocations, allocationsPerUser and permissionsPerAllocation are maximums", () => {
  const server = new TurnServer({ limits: { allocations: 3, allocationsPerUser: 2, permissionsPerAllocation: 2 } });
  const clientOf = (port: number, name: string) => new TurnClient(server, at(`203.0.113.7:${port}`), minted(name));
  const bob = clientOf(1, "bob");
  assert.equal(errorCodeOf(bob.allocate()), undefined);
  assert.equal(errorCodeOf(clientOf(2, "bob").allocate()), undefined);
  assert.equal(errorCodeOf(clientOf(3, "bob").allocate()), 486);
  assert.equal(errorCodeOf(clientOf(4, "carol").allocate()), undefined);
  assert.equal(errorCodeOf(clientOf(5, "dave").allocate()), 508);
  for (const [i, expected] of [undefined, undefined, 508].entries())
    assert.equal(bob.permit(at(`198.51.100.${i + 1}:7000`)), expected);
  server.pass(300_000);
  assert.equal(bob.permit(at("198.51.100.3:7000")), undefined, "those that have ended make room");
});

test("allocations that are being opened, and ports that are kept, count as their user's", () => {
  const server = new TurnServer({ limits: { allocationsPerUser: 2 } });
  const pairOf = (port: number) =>
    new TurnClient(server, at(`203.0.113.7:${port}`)).allocate((builder) =>
      builder.attribute(Attribute.evenPort, Uint8Array.of(0x80)),
    );
  assert.equal(errorCodeOf(pairOf(1)), undefined);
  assert.equal(errorCodeOf(pairOf(2)), 486);
  server.pass(30_000);
  assert.equal(errorCodeOf(new TurnClient(server, at("203.0.113.7:3")).allocate()), undefined);
  assert.equal(errorCodeOf(new TurnClient(server, at("203.0.113.7:4")).allocate()), 486);
});

test("a pair lies within the range", () => {
  const relayPorts = { first: 50_000, last: 50_002 };
  const server = new TurnServer({ turn: { ...turnOptions, relayPorts } });
  const answer = new TurnClient(server, home).allocate((builder) =>
    builder.attribute(Attribute.evenPort, Uint8Array.of(0x80)),
  );
  assert.equal(xorAddress(answer, Attribute.xorRelayedAddress)?.port, 50_000);
});

test("an Allocate that is repeated says again which family could not be had, and nothing to another user", () => {
  const server = new TurnServer();
  server.failure = ({ family }) => (family === 6 ? "EAFNOSUPPORT" : undefined);
  const client = new TurnClient(server, home);
  const id = client.transactionId();
  const both = (one: TurnClient) =>
    one.allocate((builder) => builder.u32(Attribute.additionalAddressFamily, 2 * 0x100_0000), id);
  assert.deepEqual(
    [1, 2].map(() => both(client).value(Attribute.addressErrorCode)?.[0]),
    [2, 2],
  );
  assert.equal(errorCodeOf(both(new TurnClient(server, home, minted("eve")))), 441);
});

test("a user who is revoked loses the allocations, and gets no other", () => {
  const server = new TurnServer();
  const credential = minted("bob");
  const client = new TurnClient(server, home, credential);
  client.relayed();
  server.revoke(revocationHash(nodePrimitives, secret, credential.username));
  assert.equal(server.server.sizes.allocations, 0);
  assert.equal(errorCodeOf(client.allocate()), 401);
});

test("a 5-tuple is a TURN client's or a peer's, never both", () => {
  const server = new TurnServer();
  const pair = connectPair(server);
  assert.equal(errorCodeOf(new TurnClient(server, pair.host.address).allocate()), 437);
  assert.equal(errorCodeOf(new TurnClient(server, pair.client.address).allocate()), 437);
  assert.equal(addressText(pair.host.address) === addressText(pair.client.address), false);
});

test("what challenges cost an address that somebody forges is counted, and held by a rate for its prefix", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const { burst } = defaultLimits.unauthenticatedRate;
  for (let i = 0; i < burst; i++) client.challenge();
  const bytes = client.request(Method.allocate);
  const answered = Array.from({ length: 80 }, () => server.receive(home, bytes).length);
  assert.equal(answered.filter((count) => count === 1).length, 10, "one in eight");
  const { questionBytes, answerBytes } = server.server.counters.challenges;
  assert(answerBytes > questionBytes && answerBytes < 6 * questionBytes);
});

test("a server without TURN answers none of its requests", () => {
  const request = new TurnClient(new TurnServer(), home).request(Method.allocate);
  assert.deepEqual(new TestServer().receive(home, request), []);
});
