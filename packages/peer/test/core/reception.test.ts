import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "@fractal-punch/machine";
import type { PeerEvent } from "@fractal-punch/peer/core";
import { channelHeaderBytes, type SecondPayload, unknownProfile } from "@fractal-punch/wire";
import { Guests } from "../../dist/core/guests.js";
import { Opening } from "../../dist/core/opening.js";
import { Reception } from "../../dist/core/reception.js";
import { Session } from "../../dist/core/session.js";
import { SessionTable } from "../../dist/core/session-table.js";
import { Sockets } from "../../dist/core/sockets.js";
import { maxSessions } from "../../dist/core/timing.js";
import { epochMs } from "./small-net.ts";
import { at, ownerWithoutSockets, testContext, unwatchedLink } from "./test-context.ts";
import { invite, keyPair } from "./trio.ts";

test("a host with 4,096 sessions refuses a new client, and takes in one that comes back to its session", () => {
  assert.equal(maxSessions, 4096);
  const { fill, comes } = openHost();
  fill(maxSessions - 1);
  const first = comes();
  assert(first.refusal === undefined);
  assert.equal(comes().refusal, "host-full");
  assert.equal(comes(first.index).refusal, undefined);
});

function openHost(): {
  /** Adds that many sessions. */
  fill: (count: number) => void;
  /** A client's first message arrives, which names the session that it goes on with; gives the host's answer. */
  comes: (continues?: number) => SecondPayload;
} {
  const context = testContext();
  context.clock.set(0, epochMs);
  const [host, client] = [keyPair(1), keyPair(2)];
  const [table, guests, owner] = [new SessionTable(context.random), new Guests(), ownerWithoutSockets(host)];
  const parts = { table, sockets: new Sockets(), guests, owner, earlyData: false };
  const reception = new Reception(context, parts, [invite]);
  const link = unwatchedLink(context, 1);
  let introductions = 0;
  const fill = (count: number): void => {
    for (let id = 10_000; id < 10_000 + count; id++)
      guests.add(new Session(context, table, owner, { id, remoteKey: client.publicKey }, 0), invite.id);
  };
  const comes = (continues?: number): SecondPayload => {
    const details = {
      index: 7,
      timeMs: epochMs,
      profile: unknownProfile,
      candidates: [],
      earlyData: undefined,
      continues,
    };
    const opening = Opening.to(context, client, { ...invite, hostKey: host.publicKey }, details);
    assert(opening);
    const out = new Recorder<PeerEvent>();
    const approach = { kind: "first", message: opening.message } as const;
    const introduction = { client: at("203.0.113.9:4000"), channel: 0x4001, proven: true, approach };
    reception.receiveIntroduction(0, link, Uint8Array.of(introductions++), introduction, out);
    const [answer] = out.effects.flatMap((effect) => (effect.type === "send" ? [effect.bytes] : []));
    const read = answer && opening.read(answer.subarray(channelHeaderBytes));
    assert(read);
    return read.payload;
  };
  return { fill, comes };
}
