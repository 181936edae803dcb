import assert from "node:assert/strict";
import { test } from "node:test";
import type { Frame } from "@fractal-punch/wire";
import { RekeyStart } from "../../dist/core/rekey.js";
import { Session } from "../../dist/core/session.js";
import { SessionTable } from "../../dist/core/session-table.js";
import { ownerWithoutSockets, testContext } from "./test-context.ts";
import { keyPair } from "./trio.ts";

test("a host answers one new rekey a second, and repeats of the one it answered at any time", () => {
  const { asks, first, second } = hostAndClient();
  assert.deepEqual(asks(0, first), ["rekey-second"]);
  assert.deepEqual(asks(999, second), [], "each costs a handshake");
  assert.deepEqual(asks(999, first), ["rekey-second"], "a repeat costs none: its answer was lost");
  assert.deepEqual(asks(1000, second), ["rekey-second"]);
});

test("a rekey that is not from the session's client is not answered", () => {
  const { asks, strangers } = hostAndClient();
  assert.deepEqual(asks(0, strangers), []);
});

function hostAndClient(): {
  asks: (now: number, message: Uint8Array) => string[];
  first: Uint8Array;
  second: Uint8Array;
  strangers: Uint8Array;
} {
  const context = testContext();
  const [host, client, stranger] = [keyPair(1), keyPair(2), keyPair(3)];
  const owner = ownerWithoutSockets(host);
  const options = { id: 1, remoteKey: client.publicKey };
  const session = new Session(context, new SessionTable(context.random), owner, options, 0);
  const asks = (now: number, message: Uint8Array): string[] => {
    const sent: Frame[] = [];
    session.keys.receive(now, { kind: "rekey-first", message }, (frame) => sent.push(frame));
    return sent.map(({ kind }) => kind);
  };
  const firstOf = (own: typeof client, index: number): Uint8Array => {
    const start = RekeyStart.begin(context, own, host.publicKey, index);
    assert(start);
    return start.message;
  };
  return { asks, first: firstOf(client, 7), second: firstOf(client, 8), strangers: firstOf(stranger, 9) };
}
