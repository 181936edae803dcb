/** How long datagrams take at half of what each server can do, and how much of it is its own part. */
import type { Figure } from "./figures.ts";
import type { Run } from "./load/spec.ts";
import { latencyOf, medianOf, type Results, runLoad } from "./load-runs.ts";

const share = 0.5;
/** Of added latency, in microseconds. */
const bars = { p50: 40, p99: 400 } as const;

interface Times {
  readonly rounds: number;
  readonly warmMs: number;
  readonly measureMs: number;
}

/**
 * `saturated`: of the same runs. What a server can do follows from its CPU time, however much of it the machine gave.
 * `barred`: runs that have bars. Of the latency that relaying adds, that of the same datagrams from socket to socket at
 * the same pace is no part.
 */
export async function addedLatencyFigures(
  what: string,
  runs: readonly Run[],
  saturated: Results,
  times: Times,
  barred: readonly string[],
): Promise<Figure[]> {
  const pairs = runs.flatMap((run) => {
    const paced = atHalfLoad(run, saturated);
    return [paced, { ...paced, name: directName(run.name), route: { kind: "direct" } as const }];
  });
  const results = await runLoad({ runs: pairs, ...times });
  return runs.flatMap(({ name }) =>
    (["p50", "p99"] as const).map((field): Figure => {
      const value = latencyOf(results, name, field) - latencyOf(results, directName(name), field);
      const bar = barred.includes(name) ? { atMost: bars[field] } : {};
      return { name: `${what}, added latency at half load, ${field}: ${name}`, value, unit: "us", ...bar };
    }),
  );
}

/** From the question to the answer. */
export async function answerLatencyFigures(
  what: string,
  runs: readonly Run[],
  saturated: Results,
  times: Times,
): Promise<Figure[]> {
  const results = await runLoad({ runs: runs.map((run) => atHalfLoad(run, saturated)), ...times });
  return runs.flatMap(({ name }) =>
    (["p50", "p99"] as const).map((field): Figure => {
      const value = latencyOf(results, name, field);
      return { name: `${what}, answered at half load, ${field}: ${name}`, value, unit: "us" };
    }),
  );
}

function atHalfLoad(run: Run, saturated: Results): Run {
  return { ...run, perSecond: Math.round((share * 1e6) / medianOf(saturated, run.name, "micros")) };
}

function directName(name: string): string {
  return `direct, at the pace of ${name}`;
}
