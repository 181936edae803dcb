/** A session's verdict: an event for programs, sentences for people. */
import { setTimeout as delay } from "node:timers/promises";
import type { Connection, Verdict } from "@fractal-punch/peer";
import type { Output } from "./output.ts";
import { msText } from "./quantity.ts";

/** A round of probes is over by then. */
const settleMs = 2500;
const lookEveryMs = 50;

/** Waits a little while a direct path is still being tried, unless `signal` says that nobody wants to wait. */
export async function reportVerdict(connection: Connection, output: Output, signal: AbortSignal): Promise<void> {
  const untilMs = performance.now() + settleMs;
  while (connection.verdict.reason === "trying" && performance.now() < untilMs && !signal.aborted)
    await delay(lookEveryMs);
  const { verdict } = connection;
  const { path, reason, advice, tried } = verdict;
  output.event("verdict", { path, reason, advice, tried }, verdictText(verdict));
}

function verdictText({ path, advice, tried }: Verdict): string {
  const lines = [`Verdict: ${path}. ${advice}`];
  for (const { kind, address, result, rttMs } of tried)
    lines.push(`  tried ${address} (${kind}): ${result}${rttMs === undefined ? "" : `, ${msText(rttMs)}`}`);
  return lines.join("\n");
}
