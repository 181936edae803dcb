import assert from "node:assert/strict";
import { test } from "node:test";
import { Greeting } from "../../dist/core/greeting.js";
import { Greetings } from "../../dist/core/greetings.js";
import { Session } from "../../dist/core/session.js";
import { SessionTable } from "../../dist/core/session-table.js";
import { ephemeralMs, maxEphemerals } from "../../dist/core/timing.js";
import { at, ownerWithoutSockets, testContext } from "./test-context.ts";
import { keyPair } from "./trio.ts";

test("first messages are found by their ephemeral key, and by its first 8 bytes as a knock names it", () => {
  const { greetings, newGreeting } = setUp();
  const greeting = newGreeting(0);
  greetings.add(ephemeral(1), greeting);
  assert.equal(greetings.find(ephemeral(1)), greeting);
  assert.equal(greetings.findByTag(ephemeral(1).subarray(0, 8)), greeting);
  assert.equal(greetings.find(ephemeral(2)), undefined);
  assert.equal(greetings.findByTag(ephemeral(2).subarray(0, 8)), undefined);
});

test("each is forgotten after ten minutes", () => {
  const { context, greetings, newGreeting } = setUp();
  greetings.add(ephemeral(1), newGreeting(0));
  greetings.add(ephemeral(2), newGreeting(60_000));
  assert.equal(context.deadlines.next(), 600_000);
  greetings.wake(600_000);
  assert.equal(greetings.find(ephemeral(1)), undefined);
  assert.equal(greetings.findByTag(ephemeral(1).subarray(0, 8)), undefined);
  assert(greetings.find(ephemeral(2)));
  assert.equal(context.deadlines.next(), 660_000);
  greetings.wake(660_000);
  assert.equal(greetings.find(ephemeral(2)), undefined);
  assert.equal(context.deadlines.next(), Infinity);
});

test("the latest time among the forgotten is kept, so that nothing forgotten can come back as new", () => {
  const { greetings, newGreeting } = setUp();
  greetings.add(ephemeral(1), newGreeting(5000));
  greetings.add(ephemeral(2), newGreeting(5000));
  greetings.add(ephemeral(3), newGreeting(60_000));
  assert.equal(greetings.forgottenTimeMs, -Infinity);
  greetings.wake(605_000);
  assert.equal(greetings.forgottenTimeMs, 6000);
});

test("16,384 fill the table, and there is room again when the oldest are forgotten", () => {
  const { greetings, newGreeting } = setUp();
  assert.equal(maxEphemerals, 16_384);
  for (let index = 0; index < maxEphemerals - 1; index++) greetings.add(ephemeral(index), newGreeting(index));
  assert.equal(greetings.full, false);
  greetings.add(ephemeral(maxEphemerals), newGreeting(maxEphemerals));
  assert.equal(greetings.full, true);
  greetings.wake(ephemeralMs);
  assert.equal(greetings.full, false);
});

test("a knock is answered three times an address, at 64 addresses", () => {
  const greeting = setUp().newGreeting(0);
  for (let host = 0; host < 64; host++) {
    const from = at(`198.18.0.${host}:5000`);
    assert.deepEqual(
      [1, 2, 3, 4, 5].map(() => greeting.mayAnswer(from)),
      [true, true, true, false, false],
    );
  }
  assert.equal(greeting.mayAnswer(at("198.18.0.64:5000")), false);
  assert.equal(greeting.mayAnswer(at("198.18.0.0:5001")), false, "a port makes another address");
});

function setUp(): {
  context: ReturnType<typeof testContext>;
  greetings: Greetings;
  newGreeting: (now: number) => Greeting;
} {
  const context = testContext();
  const owner = ownerWithoutSockets(keyPair(1));
  const options = { id: 1, remoteKey: keyPair(2).publicKey };
  const session = new Session(context, new SessionTable(context.random), owner, options, 0);
  const newGreeting = (now: number): Greeting =>
    new Greeting(session, new Uint8Array(80), { probeKey: new Uint8Array(16), timeMs: 1000 + now }, now + ephemeralMs);
  return { context, greetings: new Greetings(context), newGreeting };
}

function ephemeral(number: number): Uint8Array {
  const key = new Uint8Array(32).fill(7);
  new DataView(key.buffer).setUint32(0, number);
  return key;
}
