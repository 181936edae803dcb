import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "@fractal-punch/machine";
import { type Out, wakeDue } from "../../dist/core/context.js";
import { FreshSockets, type FreshSocketUser } from "../../dist/core/fresh-sockets.js";
import type { ServerLink } from "../../dist/core/server-link.js";
import { maxHostFreshSockets } from "../../dist/core/timing.js";
import { at, testContext, unwatchedLink } from "./test-context.ts";

test("a session has one fresh socket: a new one is in the place of the old", () => {
  const { sockets, beside, out, actions } = machine();
  const session = user();
  sockets.open(session, beside, out);
  sockets.open(session, beside, out);
  assert.deepEqual(actions(), ["open 5", "close 5", "open 6"]);
  assert.deepEqual(session.closed, [5]);
  assert.deepEqual([sockets.link(5), sockets.link(6)?.port], [undefined, 6]);
});

test("a host opens no more than maxHostFreshSockets at once, and another one when a session ends", () => {
  const { sockets, beside, out, actions } = machine(maxHostFreshSockets);
  const sessions = Array.from({ length: maxHostFreshSockets + 1 }, () => user());
  for (const session of sessions) sockets.open(session, beside, out);
  assert.equal(actions().length, maxHostFreshSockets);
  const [first, last] = [sessions[0], sessions.at(-1)];
  assert(first && last);
  sockets.closeOf(first, out);
  sockets.open(last, beside, out);
  assert.equal(actions().length, 2);
});

test("a fresh socket is closed after a minute without a proven path, and kept as long as there is one", () => {
  const { context, sockets, beside, out, actions } = machine();
  const session = user();
  sockets.open(session, beside, out);
  sockets.opened(0, 5, at("0.0.0.0:4000"), out);
  sockets.link(5)?.learn(0, at("203.0.113.9:4000"), undefined, out);
  session.proven = true;
  wakeDue(context, 60_000, out);
  assert(sockets.link(5));
  session.proven = false;
  actions();
  wakeDue(context, 119_999, out);
  assert(sockets.link(5));
  wakeDue(context, 120_000, out);
  assert.deepEqual(actions().at(-1), "close 5");
  assert.deepEqual([sockets.link(5), session.closed], [undefined, [5]]);
});

test("one that the system does not give, or whose address the server does not tell, is let go", () => {
  const { context, sockets, beside, out } = machine();
  sockets.open(user(), beside, out);
  assert(sockets.failed(5));
  assert.equal(sockets.link(5), undefined);
  sockets.open(user(), beside, out);
  sockets.opened(0, 6, at("0.0.0.0:4000"), out);
  for (let now = 0; now < 10_000; now += 100) wakeDue(context, now, out);
  assert.equal(sockets.link(6), undefined);
});

function machine(max = 1): {
  context: ReturnType<typeof testContext>;
  sockets: FreshSockets;
  beside: ServerLink;
  out: Out;
  /** The sockets opened and closed since the last call. */
  actions: () => string[];
} {
  const context = testContext();
  const out = new Recorder<never>();
  const beside = unwatchedLink(context, 1);
  const actions = (): string[] =>
    out.take().flatMap((effect) => {
      if (effect.type === "open-port") return [`open ${effect.port}`];
      return effect.type === "close-port" ? [`close ${effect.port}`] : [];
    });
  return { context, sockets: new FreshSockets(context, 5, max), beside, out, actions };
}

function user(): FreshSocketUser & { proven: boolean; closed: number[] } {
  const closed: number[] = [];
  return {
    proven: false,
    closed,
    socketReady: () => undefined,
    usesSocket() {
      return this.proven;
    },
    socketClosed: (port) => void closed.push(port),
  };
}
