/** What RFC 8489 and RFC 8656 say in passing, and what is easily done otherwise. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  errorCodeOf,
  integrityMatches,
  longTermKey,
  MessageClass,
  Method,
  passwordAlgorithmsValue,
  StunBuilder,
  type StunMessage,
  u32Of,
  xorAddress,
} from "@fractal-punch/wire";
import { at, load, only } from "./test-server.ts";
import { dataOf, minted, realmOf, TurnClient, TurnServer } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const peer = at("198.51.100.9:7000");
const data = Uint8Array.of(1, 2, 3, 4, 5);

test("a CreatePermission that is refused permits nobody, also when the table is full (8656 section 10.2)", () => {
  const server = new TurnServer({ limits: { permissionsPerAllocation: 2 } });
  const client = new TurnClient(server, home);
  const relayed = client.relayed();
  const peers = [1, 2, 3].map((i) => at(`198.51.100.${i}:7000`));
  assert.equal(client.permit(...peers), 508);
  for (const one of peers) assert.deepEqual(server.fromPeer(one, relayed, data), []);
  assert.equal(client.permit(...peers.slice(1), ...peers.slice(1)), undefined, "one that is named twice counts once");
});

test("a ChannelBind that is refused permits nobody and renews nothing (8656 section 12.2)", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const relayed = client.relayed();
  const other = at("198.51.100.10:7000");
  client.bind(0x4001, peer);
  assert.equal(client.bind(0x4001, other), 400);
  assert.deepEqual(server.fromPeer(other, relayed, data), []);
  server.pass(299_000);
  assert.equal(client.bind(0x4002, peer), 400);
  server.pass(1000);
  assert.deepEqual(server.fromPeer(peer, relayed, data), []);
});

test("channelsPerAllocation is a maximum, and channels that have ended make room", () => {
  const server = new TurnServer({ limits: { channelsPerAllocation: 2 } });
  const client = new TurnClient(server, home);
  client.relayed();
  client.refresh(3600);
  const codes = [1, 2, 3].map((i) => client.bind(0x4000 + i, at(`198.51.100.9:${i}`)));
  assert.deepEqual(codes, [undefined, undefined, 508]);
  assert.equal(client.bind(0x4001, at("198.51.100.9:1")), undefined, "what is bound may be bound for longer");
  server.pass(599_999);
  server.pass(1);
  const later = new TurnClient(server, home);
  assert.equal(later.bind(0x4003, at("198.51.100.9:3")), undefined);
});

test("a channel goes on over its expiry only if it is bound again, and its data then comes as Data indications", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const relayed = client.relayed();
  client.refresh(3600);
  client.bind(0x4001, peer);
  server.pass(400_000);
  client.permit(peer);
  assert.equal(server.fromPeer(peer, relayed, data)[0]?.bytes[0], 0x40);
  server.pass(200_000);
  assert.deepEqual(dataOf(server.fromPeer(peer, relayed, data)[0]?.bytes ?? data), { peer, data });
});

test("a Refresh with LIFETIME 0 that is repeated gets 437, and the 5-tuple is free for another Allocate", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const first = client.relayed();
  assert.equal(u32Of(client.refresh(0), Attribute.lifetime), 0);
  assert.equal(errorCodeOf(client.refresh(0)), 437);
  assert.notDeepEqual(client.relayed(), first);
});

test("a repeated Allocate says how much of the lifetime is left", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const id = client.transactionId();
  client.allocate(undefined, id);
  server.pass(100_000);
  assert.equal(u32Of(client.allocate(undefined, id), Attribute.lifetime), 500);
});

test("a Refresh for a family that the allocation does not have is answered with 443", () => {
  const client = new TurnClient(new TurnServer(), home);
  client.relayed();
  const codes = [1, 2, 3].map((family) =>
    errorCodeOf(client.ask(Method.refresh, (builder) => builder.u32(Attribute.requestedAddressFamily, family << 24))),
  );
  assert.deepEqual(codes, [undefined, 443, 443]);
});

test("data of no bytes is relayed both ways, by Send and by channel", () => {
  const server = new TurnServer();
  const client = new TurnClient(server, home);
  const relayed = client.relayed();
  client.permit(peer);
  const nothing = new Uint8Array(0);
  assert.deepEqual(client.send(peer, nothing)[0]?.bytes, nothing);
  assert.deepEqual(dataOf(server.fromPeer(peer, relayed, nothing)[0]?.bytes ?? data), { peer, data: nothing });
  client.bind(0x4001, peer);
  assert.deepEqual(client.channelData(0x4001, nothing)[0]?.bytes, nothing);
  assert.deepEqual(server.fromPeer(peer, relayed, nothing)[0]?.bytes, Uint8Array.of(0x40, 1, 0, 0));
});

test("credentials that lack a part are answered with 400, and nothing that belongs to a challenge", () => {
  const server = new TurnServer();
  const nonce = new TurnClient(server, home).challenge().value(Attribute.nonce) ?? data;
  const parts = [Attribute.username, Attribute.realm, Attribute.nonce];
  for (const missing of parts) {
    const answer = ask(server, (builder) => credentials(builder, nonce, missing));
    assert.equal(errorCodeOf(answer), 400);
    for (const type of [...parts, Attribute.messageIntegrity, Attribute.messageIntegritySha256])
      assert.equal(answer.has(type), false);
  }
});

test("another realm is answered with 401, whatever the user", () => {
  const server = new TurnServer();
  const nonce = new TurnClient(server, home).challenge().value(Attribute.nonce) ?? data;
  const answer = ask(server, (builder) => credentials(builder, nonce, undefined, "elsewhere.example"));
  assert.equal(errorCodeOf(answer), 401);
  assert.equal(realmOf(answer), "punch.example.org");
});

test("one of PASSWORD-ALGORITHM and PASSWORD-ALGORITHMS alone, or another list, is 400 (8489 section 9.2.4)", () => {
  const server = new TurnServer();
  const nonce = new TurnClient(server, home).challenge().value(Attribute.nonce) ?? data;
  const ours = passwordAlgorithmsValue(["sha256", "md5"]);
  const lists: [list: Uint8Array | undefined, chosen: Uint8Array | undefined, code: number | undefined][] = [
    [ours, passwordAlgorithmsValue(["md5"]), undefined],
    [ours, undefined, 400],
    [undefined, passwordAlgorithmsValue(["sha256"]), 400],
    [passwordAlgorithmsValue(["md5"]), passwordAlgorithmsValue(["md5"]), 400],
    [passwordAlgorithmsValue(["md5", "sha256"]), passwordAlgorithmsValue(["md5"]), 400],
    [ours, Uint8Array.of(0, 9, 0, 0), 400],
    [ours, data, 400],
  ];
  for (const [index, [list, chosen, code]] of lists.entries()) {
    const answer = ask(server, (builder) => {
      credentials(builder, nonce);
      if (list) builder.attribute(Attribute.passwordAlgorithms, list);
      if (chosen) builder.attribute(Attribute.passwordAlgorithm, chosen);
    });
    assert.equal(errorCodeOf(answer), code, `list ${index}`);
    if (code === undefined) new TurnClient(server, home).refresh(0);
  }
});

test("of two integrity attributes the one of SHA-256 counts, and protects the answer", () => {
  const server = new TurnServer();
  const nonce = new TurnClient(server, home).challenge().value(Attribute.nonce) ?? data;
  const write = (builder: StunBuilder) =>
    credentials(builder, nonce).attribute(Attribute.messageIntegrity, new Uint8Array(20));
  const answer = ask(server, write, "sha256 behind");
  assert.equal(errorCodeOf(answer), undefined);
  assert(integrityMatches(nodePrimitives, key, answer));
  const forged = ask(server, (builder) =>
    credentials(builder, nonce).attribute(Attribute.messageIntegritySha256, new Uint8Array(32)),
  );
  assert.equal(errorCodeOf(forged), 401);
});

test("a username may have colons, and an expired one is refused at its second", () => {
  const server = new TurnServer();
  const seconds = Math.floor(server.epochMs / 1000) + 700;
  const client = new TurnClient(server, home, minted("a:b::c", seconds));
  assert(xorAddress(client.allocate(), Attribute.xorRelayedAddress));
  server.pass(699_999);
  assert.equal(errorCodeOf(new TurnClient(server, home, client.credential).allocate()), undefined);
  server.pass(1);
  assert.equal(errorCodeOf(new TurnClient(server, home, client.credential).refresh()), 401);
});

const bob = minted("bob");
const key = longTermKey(nodePrimitives, "md5", bob.username, "punch.example.org", bob.password);

function credentials(
  builder: StunBuilder,
  nonce: Uint8Array,
  missing?: number,
  realm: string = "punch.example.org",
): StunBuilder {
  if (missing !== Attribute.username) builder.text(Attribute.username, bob.username);
  if (missing !== Attribute.realm) builder.text(Attribute.realm, realm);
  if (missing !== Attribute.nonce) builder.attribute(Attribute.nonce, nonce);
  return builder;
}

/** An Allocate by bob with those attributes, and an integrity attribute behind them. */
function ask(
  server: TurnServer,
  write: (builder: StunBuilder) => unknown,
  integrity: "sha1 behind" | "sha256 behind" = "sha1 behind",
): StunMessage {
  const builder = new StunBuilder().begin(MessageClass.request, Method.allocate, server.transactionId());
  write(builder.u32(Attribute.requestedTransport, 17 << 24));
  if (integrity === "sha1 behind") builder.integritySha1(nodePrimitives, key);
  else builder.integrity(nodePrimitives, key);
  return load(only(server.receive(home, builder.bytes().slice()), home).slice());
}
