/** Usernames as hashes (RFC 8489 section 14.4), and users of the configuration. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  errorCodeOf,
  integritySha1Matches,
  longTermKey,
  MessageClass,
  Method,
  StunBuilder,
  type StunMessage,
  securityFeatures,
  userhashOf,
} from "@fractal-punch/wire";
import { at, load, only } from "./test-server.ts";
import { minted, TurnClient, TurnServer } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const realm = "punch.example.org";
const alice = { username: "alice", password: "wonderland" };

test("a user of the configuration allocates by name, and by its hash", () => {
  const server = new TurnServer();
  assert.equal(errorCodeOf(new TurnClient(server, at("203.0.113.8:5000"), alice).allocate()), undefined);
  const answer = ask(server, hashOf(alice.username));
  assert.equal(errorCodeOf(answer), undefined);
  assert(integritySha1Matches(nodePrimitives, keyOf(alice), answer));
});

test("a hash that leads to nobody is answered with 401: of minted names, whose owner does not know that, too", () => {
  const server = new TurnServer();
  const bob = minted("bob");
  new TurnClient(server, at("203.0.113.8:5000"), bob).relayed();
  for (const hash of [hashOf("nobody"), hashOf(bob.username), hashOf(""), new Uint8Array(32)]) {
    const answer = ask(server, hash, bob);
    assert.equal(errorCodeOf(answer), 401);
    assert(answer.has(Attribute.nonce) && answer.has(Attribute.realm));
  }
  assert.equal(errorCodeOf(ask(server, hashOf(alice.username), { ...alice, password: "guessed" })), 401);
});

test("a hash of another length, or beside a name, is answered with 400", () => {
  const server = new TurnServer();
  for (let length = 0; length < 40; length++) {
    if (length !== 32) assert.equal(errorCodeOf(ask(server, new Uint8Array(length))), 400);
  }
  const both = ask(server, hashOf(alice.username), alice, (builder) => builder.text(Attribute.username, "alice"));
  assert.equal(errorCodeOf(both), 400);
});

test("the nonce does not ask for hashes, since few users are found by them", () => {
  const nonce = new TurnClient(new TurnServer(), home).challenge().value(Attribute.nonce);
  assert.deepEqual(nonce && securityFeatures(nonce), { passwordAlgorithms: true, usernameAnonymity: false });
});

function hashOf(username: string): Uint8Array {
  return userhashOf(nodePrimitives, username, realm);
}

function keyOf({ username, password }: typeof alice): Uint8Array {
  return longTermKey(nodePrimitives, "md5", username, realm, password);
}

/** An Allocate under that hash. */
function ask(
  server: TurnServer,
  hash: Uint8Array,
  user: typeof alice = alice,
  write: (builder: StunBuilder) => unknown = () => undefined,
): StunMessage {
  const nonce = new TurnClient(server, home).challenge().value(Attribute.nonce);
  assert(nonce);
  const builder = new StunBuilder().begin(MessageClass.request, Method.allocate, server.transactionId());
  write(builder.u32(Attribute.requestedTransport, 17 << 24).attribute(Attribute.userhash, hash));
  builder.text(Attribute.realm, realm).attribute(Attribute.nonce, nonce);
  const bytes = builder.integritySha1(nodePrimitives, keyOf(user)).bytes().slice();
  return load(only(server.receive(home, bytes), home).slice());
}
