/** Whether the lab's own links delay as they are set: before anything is measured on them. */
import { fileURLToPath } from "node:url";
import type { Lab } from "./lab.ts";
import { medianOf, quantileOf } from "./limits.ts";
import type { LabProcess } from "./process.ts";
import { ipOf } from "./topology.ts";

const program = fileURLToPath(new URL("./delay-program.js", import.meta.url));
const port = 7000;
const datagrams = 1000;
const withinMs = 20_000;
const medianMarginMs = 0.5;
const p99MarginMs = 1.5;

export interface DelayResult {
  readonly setMs: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly holds: boolean;
}

/** Sends over one line with each delay at the same time, to machines on lines without. */
export async function checkDelays(lab: Lab, delaysMs: readonly number[]): Promise<DelayResult[]> {
  return await Promise.all(
    delaysMs.map(async (setMs) => {
      const delays = await measure(lab, setMs);
      const [medianMs, p99Ms] = [medianOf(delays), quantileOf(delays, 0.99)];
      const isNear = (ms: number, marginMs: number): boolean => ms >= setMs && ms <= setMs + marginMs;
      return { setMs, medianMs, p99Ms, holds: isNear(medianMs, medianMarginMs) && isNear(p99Ms, p99MarginMs) };
    }),
  );
}

async function measure(lab: Lab, delayMs: number): Promise<number[]> {
  const from = await lab.topology.addNode("from", { delayMs });
  const to = await lab.topology.addNode("to");
  const run = (node: typeof from, role: string): LabProcess =>
    lab.start(node, process.execPath, ["--single-threaded-gc", program, role, ipOf(to, 4), `${port}`, `${datagrams}`]);
  const receiver = run(to, "receive");
  await receiver.next(({ event }) => event === "listening");
  run(from, "send");
  const { fields } = await receiver.next(({ event }) => event === "received", withinMs);
  return Array.isArray(fields["delays"]) ? fields["delays"].map(Number) : [];
}
