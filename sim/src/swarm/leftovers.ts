/** Once everybody has gone, with a word or without one, nothing of them may be left. */
import type { PeerEvent } from "@fractal-punch/peer/core";
import { clientSession, Host } from "@fractal-punch/peer/core";
import type { Node } from "../node.ts";
import { isLossy } from "./draw.ts";
import type { Scene } from "./scene.ts";

/** A word of farewell takes no longer, if it is not lost. */
const farewellMs = 5000;
/** Silence for which sessions are forgotten, and more. */
const forgottenMs = 11 * 60_000;
/** The server's channels and introductions live for a minute after their last use, a registration for three. */
const serverMs = 5 * 60_000;
/** A system repeats what was not acknowledged when its program closed the stream, and gives up. */
const streamMs = 60_000;
const stepMs = 2500;

/** Ends the world as its draw says; what is left of it then, if anything is. */
export function leftovers(scene: Scene): string | undefined {
  const { pair, clients, draw } = scene;
  const { ending } = draw;
  const sessions = clients.map((_, index) => scene.ledger.sessionOf(index));
  if (ending === "close")
    for (const node of clients) node.command({ type: "close", session: clientSession, reason: "done" });
  if (ending === "vanish") for (const node of clients) node.stop();
  if (ending === "host stops") pair.host.command({ type: "stop" });
  if (ending === "host vanishes") pair.host.stop();
  const said = isLossy(draw) ? undefined : waitFor(scene, farewellMs, () => unheard(scene, sessions));
  const left = said ?? waitFor(scene, forgottenMs, () => sessionsLeft(scene));
  if (left) return left;
  if (ending === "close" || ending === "vanish") pair.host.command({ type: "stop" });
  return (
    waitFor(scene, serverMs, () => serverLeft(scene)) ??
    waitFor(scene, streamMs, () => clients.map((node) => nodeLeft(node)).find(Boolean) ?? nodeLeft(pair.host))
  );
}

function waitFor(scene: Scene, limitMs: number, left: () => string | undefined): string | undefined {
  const { world } = scene;
  const deadlineMs = world.now + limitMs;
  for (;;) {
    const what = left();
    if (what === undefined) return undefined;
    if (world.now >= deadlineMs) return `${what} ${limitMs / 1000} s after the end`;
    world.run(world.now + stepMs);
  }
}

/**
 * Whom a farewell did not reach. A handshake that came to nothing, or was under way when its client said farewell, makes a
 * session of its own, which has to be forgotten like one whose client vanished.
 */
function unheard(scene: Scene, sessions: readonly (number | undefined)[]): string | undefined {
  const { ending } = scene.draw;
  if (ending === "close" && sessions.some((session) => session !== undefined && scene.sessions.has(session)))
    return "the host has a closed session";
  return ending === "host stops" ? sessionsLeft(scene) : undefined;
}

function sessionsLeft({ sessions, clients, pair }: Scene): string | undefined {
  const host = pair.host.machine;
  const ended = pair.hostEvents("closed").map(({ event }) => event.session);
  const known = ended.filter((session) => host instanceof Host && host.status(session) !== undefined);
  if (known.length > sessions.size) return `the host still knows ${known.length} sessions that it ended`;
  if (host !== undefined && sessions.size > 0) return `the host still has ${sessions.size} sessions`;
  const open = clients.filter(
    ({ machine, events }) => machine !== undefined && !events.some(({ event }) => event.type === "closed"),
  );
  return open.length > 0 ? `${open.length} clients still have a session` : undefined;
}

/** Tickets, accounts and buckets, which are kept for who comes back, are no leftovers. */
const mustBeEmpty = ["registrations", "introductions", "channels", "rules", "cells", "tuples", "streams"] as const;

function serverLeft({ pair }: Scene): string | undefined {
  const sizes = pair.serverSizes;
  const left = mustBeEmpty.filter((table) => sizes?.[table]).map((table) => `${sizes?.[table]} ${table}`);
  const wakesAtMs = pair.server.nextWake();
  if (left.length === 0 && wakesAtMs === Infinity) return undefined;
  return `the server still has ${left.join(", ") || "no entries"}, and wakes at ${wakesAtMs} ms,`;
}

/** A peer that has ended holds no socket and no deadline. */
function nodeLeft<Command>(node: Node<Command, PeerEvent>): string | undefined {
  if (node.nextWake() !== Infinity) return `${node.name} has ended, but wakes at ${node.nextWake()} ms`;
  const held = node.openPorts + node.openStreams;
  return held > 0 ? `${node.name} has ended, but holds ${held} sockets` : undefined;
}
