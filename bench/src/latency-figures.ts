/** How much later a datagram arrives because it is relayed, at half of what each server can do. */
import type { Figure } from "./figures.ts";
import type { Run } from "./load/spec.ts";
import { latencyOf, medianOf, type Results, runLoad } from "./load-runs.ts";

const share = 0.5;
const bars = new Map([
  ["ours, TURN p50", 40],
  ["ours, TURN p99", 400],
  ["ours, session p50", 40],
  ["ours, session p99", 400],
]);

/** `saturated`: of the same runs. What a server can do follows from its CPU time, however much of it the machine gave. */
export async function latencyFigures(
  runs: readonly Run[],
  saturated: Results,
  times: { readonly rounds: number; readonly warmMs: number; readonly measureMs: number },
): Promise<Figure[]> {
  const figures: Figure[] = [];
  const pairs = runs.flatMap((run) => {
    const perSecond = Math.round((share * 1e6) / medianOf(saturated, run.name, "micros"));
    const paced = { ...run, perSecond };
    return [paced, { ...paced, name: directName(run), route: { kind: "direct" } as const }];
  });
  const results = await runLoad({ runs: pairs, ...times });
  for (const { name } of runs) {
    const direct = directName({ name });
    for (const field of ["p50", "p99"] as const) {
      const value = latencyOf(results, name, field) - latencyOf(results, direct, field);
      const atMost = bars.get(`${name} ${field}`);
      figures.push({
        name: `added latency at half load, ${field}: ${name}`,
        value,
        unit: "us",
        ...(atMost && { atMost }),
      });
    }
    figures.push({
      name: `the rate of that: ${name}`,
      value: medianOf(results, name, "perSecond") / 1000,
      unit: "k/s",
    });
  }
  return figures;
}

/** The same datagrams from socket to socket. */
function directName({ name }: { readonly name: string }): string {
  return `direct, at the pace of ${name}`;
}
