/** Runs of the load generator, and what came of them. */
import { fileURLToPath } from "node:url";
import { giveCore, restMs } from "./cores.ts";
import { median, spread } from "./figures.ts";
import type { Latency, Measured, Run, Spec } from "./load/spec.ts";
import { RunningProgram } from "./running-program.ts";

const generator = fileURLToPath(new URL("load/generator.js", import.meta.url));
/** 10,000 sessions are opened one after the other. */
const startMs = 60_000;

/** By the names of the runs. */
export type Results = ReadonlyMap<string, readonly Measured[]>;

/** `warmRounds` come first and do not count: V8 still compiles in them. */
export async function runLoad(spec: Omit<Spec, "restMs">, warmRounds: number = 1): Promise<Results> {
  const runMs = spec.warmMs + spec.measureMs;
  const whole: Spec = { ...spec, rounds: spec.rounds + warmRounds, restMs: restMs(runMs) };
  const program = new RunningProgram([generator, JSON.stringify(whole)], {});
  giveCore(program.pid, "load");
  const spentMs = whole.rounds * spec.runs.length * (runMs + whole.restMs);
  const fields = await program.event("measured", startMs + 2 * spentMs);
  const measured: Measured[] = JSON.parse(JSON.stringify(fields["measured"]));
  await program.stop();
  const of = ({ name }: Run): [string, Measured[]] => [
    name,
    measured.filter((each) => each.name === name && each.round >= warmRounds),
  ];
  return new Map(spec.runs.map(of));
}

/** The median over the rounds. */
export function medianOf(results: Results, name: string, field: "micros" | "perSecond" | "busy" | "lost"): number {
  return median((results.get(name) ?? []).map((each) => each[field]));
}

/** In microseconds, the median over the rounds; NaN where nothing was paced. */
export function latencyOf(results: Results, name: string, field: keyof Latency): number {
  return median((results.get(name) ?? []).map(({ latency }) => latency?.[field] ?? Number.NaN));
}

/** Of what both took in the same round, so that what the machine did meanwhile counts for both; the median. */
export function ratioOf(results: Results, name: string, other: string): { value: number; noise: number } {
  const others = results.get(other) ?? [];
  const ratios = (results.get(name) ?? []).map(({ micros }, round) => micros / (others[round]?.micros ?? Number.NaN));
  return { value: median(ratios), noise: spread(ratios) };
}
