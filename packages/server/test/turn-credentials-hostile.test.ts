/** Credentials of TURN requests (RFC 8489 section 9.2) whose attributes are not as they should be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { equalBytes } from "@fractal-punch/machine";
import { defaultLimits } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  asciiBytes,
  errorCodeOf,
  longTermKey,
  MessageClass,
  Method,
  passwordAlgorithmsValue,
  StunBuilder,
  Transport,
} from "@fractal-punch/wire";
import { type Attributes, damaged } from "./damaged-attributes.ts";
import { at, load, only } from "./test-server.ts";
import { minted, TurnClient, TurnServer, turnOptions } from "./test-turn.ts";

const home = at("203.0.113.7:5000");
const bob = minted("bob");
const { realm } = turnOptions;

for (const algorithm of ["md5", "sha256"] as const) {
  test(`credentials with ${algorithm} are taken only if the first attribute of each kind is right, wherever it stands`, () => {
    const right = attributesOf(algorithm);
    const key = longTermKey(nodePrimitives, algorithm, bob.username, realm, bob.password);
    for (const changed of damaged(right)) {
      const server = new TurnServer();
      const builder = beginAllocate();
      for (const [type, value] of changed) builder.attribute(type, value);
      if (algorithm === "md5") builder.integritySha1(nodePrimitives, key);
      else builder.integrity(nodePrimitives, key);
      const code = codeOf(server, builder.bytes());
      const isRight = right.every(([type, value]) => {
        const first = changed.find(([other]) => other === type)?.[1];
        return first !== undefined && equalBytes(first, value);
      });
      const hasUnknown = changed.some(([type]) => type === 0x7fff || type === 0x0003);
      const codes = isRight ? [hasUnknown ? 420 : undefined] : [400, 401, 438];
      assert(codes.includes(code), `${code} to ${JSON.stringify(changed)}`);
      assertNothingLeft(server);
    }
  });
}

test("an integrity of another length, before what it should protect, or of other bytes, opens nothing", () => {
  const key = longTermKey(nodePrimitives, "md5", bob.username, realm, bob.password);
  const whole = beginAllocate();
  for (const [type, value] of attributesOf("md5")) whole.attribute(type, value);
  const mac = load(whole.integritySha1(nodePrimitives, key).bytes().slice()).value(Attribute.messageIntegrity);
  assert(mac);
  for (const type of [Attribute.messageIntegrity, Attribute.messageIntegritySha256])
    for (let length = 0; length <= 40; length++) {
      const value = new Uint8Array(length);
      value.set(mac.subarray(0, length));
      const server = new TurnServer();
      const builder = beginAllocate();
      for (const one of attributesOf("md5")) builder.attribute(...one);
      const isRight: boolean = type === Attribute.messageIntegrity && length === mac.length;
      assert.equal(codeOf(server, builder.attribute(type, value).bytes()), isRight ? undefined : 401);
      assertNothingLeft(server);
    }
  const early = beginAllocate().integritySha1(nodePrimitives, key);
  for (const [type, value] of attributesOf("md5")) early.attribute(type, value);
  assert.equal(codeOf(new TurnServer(), early.bytes()), 400);
});

/** What the first Allocate of a client is answered with is the same in each server of the tests. */
function attributesOf(algorithm: "md5" | "sha256"): Attributes {
  const nonce = new TurnClient(new TurnServer(), home).challenge().value(Attribute.nonce);
  assert(nonce);
  const plain: Attributes = [
    [Attribute.username, asciiBytes(bob.username)],
    [Attribute.realm, asciiBytes(realm)],
    [Attribute.nonce, nonce.slice()],
  ];
  if (algorithm === "md5") return plain;
  return [
    ...plain,
    [Attribute.passwordAlgorithms, passwordAlgorithmsValue(["sha256", "md5"])],
    [Attribute.passwordAlgorithm, passwordAlgorithmsValue(["sha256"])],
  ];
}

function beginAllocate(): StunBuilder {
  const builder = new StunBuilder(4000).begin(MessageClass.request, Method.allocate, new Uint8Array(12));
  return builder.u32(Attribute.requestedTransport, Transport.udp * 0x100_0000);
}

/** Of the one answer, which goes home. */
function codeOf(server: TurnServer, bytes: Uint8Array): number | undefined {
  return errorCodeOf(load(only(server.receive(home, bytes.slice()), home)));
}

function assertNothingLeft(server: TurnServer): void {
  server.pass(defaultLimits.allocationLifeMs);
  assert.deepEqual([server.relays.size, server.server.nextWake()], [0, Infinity]);
}
