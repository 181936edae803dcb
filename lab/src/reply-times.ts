/** How soon a pair's first replies come, against what the delays allow. */
import { fileURLToPath } from "node:url";
import { offer, ping, serve } from "./commands.ts";
import type { Lab } from "./lab.ts";
import { barOf, limitsOf, medianOf } from "./limits.ts";
import type { Delays, Pair } from "./pairs.ts";
import { type LabProcess, numberIn, textIn } from "./process.ts";
import type { LabNode } from "./topology.ts";

const program = fileURLToPath(new URL("./reply-program.js", import.meta.url));
const sessions = 11;
const warmUps = 3;
const withinMs = 120_000;
/** Of a pair that may stay relayed: long enough for all that is tried at the start. */
const relayedPings = ["--count", "20", "--interval", "0.1"];
const directPings = ["--until-direct", "--interval", "0.05"];

export interface PairResult {
  readonly name: string;
  /** What the verdict of `ping` said at the end. */
  readonly path: string;
  readonly expected: Pair["path"];
  readonly reply: ReplyTime;
  readonly earlyReply: ReplyTime;
  readonly holds: boolean;
}

export interface ReplyTime {
  readonly timesMs: readonly number[];
  readonly medianMs: number;
  readonly limitMs: number;
  readonly barMs: number;
}

export async function measurePair(lab: Lab, pair: Pair, delays: Delays): Promise<PairResult> {
  const { server, host, client } = await pair.place(lab.topology, delays);
  await serve(lab, server);
  const { invite } = await offer(lab, server, host, ["--echo", "--early"]);
  const path = await pathOf(ping(lab, client, invite, ...(pair.path === "direct" ? directPings : relayedPings)));
  const replies = await startReplies(lab, client, invite);
  const limits = limitsOf(pair, path, delays);
  const reply = replyTime(await replyTimes(replies, sessions), limits.reply);
  const earlyReply = replyTime(await replyTimes(replies, sessions, true), limits.earlyReply);
  const holds = path === pair.path && [reply, earlyReply].every((one) => one.medianMs <= one.barMs);
  return { name: pair.name, path, expected: pair.path, reply, earlyReply, holds };
}

/** A process that has made a few sessions, so that its modules are loaded and compiled. */
export async function startReplies(lab: Lab, client: LabNode, invite: string): Promise<LabProcess> {
  const replies = lab.start(client, process.execPath, [program, invite]);
  await replyTimes(replies, warmUps);
  return replies;
}

/** ms of that many fresh sessions, one after the other. Rejects when one of them fails. */
export async function replyTimes(replies: LabProcess, count: number, early = false): Promise<number[]> {
  replies.tell({ count, early });
  const times: number[] = [];
  while (times.length < count) {
    const outcome = await replies.next(({ event }) => event === "reply" || event === "failed", withinMs);
    if (outcome.event === "failed") throw new Error(`a session failed: ${textIn(outcome, "reason")}`);
    times.push(numberIn(outcome, "ms"));
  }
  return times;
}

function replyTime(timesMs: readonly number[], limitMs: number): ReplyTime {
  return { timesMs, medianMs: medianOf(timesMs), limitMs, barMs: barOf(limitMs) };
}

async function pathOf(pings: LabProcess): Promise<string> {
  await pings.ended;
  const verdict = pings.events.find(({ event }) => event === "verdict");
  return verdict === undefined ? "none" : textIn(verdict, "path");
}
