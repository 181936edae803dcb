/** What the server's collector does while ten million datagrams are relayed: nothing may be allocated for each. */
import { join } from "node:path";
import { giveCore } from "./cores.ts";
import { type Figure, median } from "./figures.ts";
import type { Run } from "./load/spec.ts";
import { medianOf, runLoad } from "./load-runs.ts";
import { memoryOf } from "./process-usage.ts";
import { startServer } from "./served.ts";

const datagrams = 10_000_000;
/** At most. */
const spendMs = 120_000;
const warmUp = { rounds: 3, warmMs: 1_000, measureMs: 1_000 };
/** Of a line of --trace-gc: what is in use behind the collection. */
const collection = /: (Scavenge|Mark-Compact|Mark-sweep)[^>]*-> ([0-9.]+) /;

interface Collection {
  readonly isWhole: boolean;
  readonly usedMb: number;
}

export async function garbageFigures(folder: string): Promise<Figure[]> {
  const served = await startServer(join(folder, "garbage"), [], ["--trace-gc"]);
  const { pid, program } = served;
  try {
    giveCore(pid, "server");
    const route = { kind: "session", port: served.port, credentials: served.mint("garbage") } as const;
    const run: Run = { name: "bursts", pid, route, flows: 1, payloadBytes: 1_200, burst: 40 };
    const perSecond = medianOf(await runLoad({ runs: [run], ...warmUp }), "bursts", "perSecond");
    const { anonymousMb: before } = await memoryOf(pid);
    const seen = program.logLines().length;
    const measureMs = Math.min(Math.ceil((1000 * datagrams) / perSecond), spendMs);
    const results = await runLoad({ runs: [run], rounds: 1, warmMs: 0, measureMs });
    const relayed = (medianOf(results, "bursts", "perSecond") * measureMs) / 1000;
    const { anonymousMb: after } = await memoryOf(pid);
    const collections = program.logLines().slice(seen).flatMap(collectionOf);
    const whole = collections.filter(({ isWhole }) => isWhole).length;
    const used = collections.map(({ usedMb }) => usedMb);
    return [
      { name: "garbage: datagrams relayed", value: relayed / 1e6, unit: "million" },
      { name: "garbage: collections of the young generation", value: collections.length - whole, unit: "" },
      { name: "garbage: collections of the old generation", value: whole, unit: "", atMost: 0 },
      { name: "garbage: growth of the heap", value: growth(used), unit: "MB", atMost: 1 },
      { name: "garbage: growth of the server's memory", value: after - before, unit: "MB", atMost: 2 },
    ];
  } finally {
    await served.program.stop();
  }
}

/** Without those that V8 does while there is little to do, to give memory back. */
function collectionOf(line: string): Collection[] {
  if (line.includes("(reduce)")) return [];
  const [, kind, used] = collection.exec(line) ?? [];
  return used === undefined ? [] : [{ isWhole: kind !== "Scavenge", usedMb: Number(used) }];
}

/** From the first third of the collections to the last; 0 when there are too few to tell. */
function growth(used: readonly number[]): number {
  const third = Math.floor(used.length / 3);
  return third === 0 ? 0 : median(used.slice(-third)) - median(used.slice(0, third));
}
