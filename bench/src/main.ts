/** `npm run bench [-- PART...]`: measures the server and the peer over loopback, and the simulator, prints a table, and ends with 1 if a bar is missed. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { type Baseline, changes, changeText, type KeptFigure, merged } from "./baseline.ts";
import { classicFigures } from "./classic-figures.ts";
import { controlFigures } from "./control-figures.ts";
import { costFigures } from "./cost-figures.ts";
import { directFigures } from "./direct-figures.ts";
import { type Figure, judge, shortTexts, tableText } from "./figures.ts";
import { garbageFigures } from "./garbage-figures.ts";
import { machineFigures } from "./machine-figures.ts";
import { memoryOf } from "./process-usage.ts";
import { relayFigures } from "./relay-figures.ts";
import { reportPlot, reportText } from "./report.ts";
import { startServer } from "./served.ts";
import { serverFigures } from "./server-figures.ts";
import { sessionFigures } from "./session-figures.ts";
import { simFigures } from "./sim-figures.ts";
import { startFigures } from "./start-figures.ts";
import { turnFigures } from "./turn-figures.ts";

/** Long enough for what starting leaves behind to be collected. */
const idleMs = 8_000;

const baselinePath = fileURLToPath(new URL("../baseline.json", import.meta.url));
const docs = fileURLToPath(new URL("../../docs", import.meta.url));

/** Each may be asked for by its name. */
const parts: Readonly<Record<string, (folder: string) => Promise<Figure[]>>> = {
  start: startFigures,
  server: loopbackFigures,
  turn: turnFigures,
  relay: relayFigures,
  garbage: garbageFigures,
  control: controlFigures,
  direct: directFigures,
  cost: costFigures,
  sim: simFigures,
  machine: machineFigures,
};

const { values, positionals } = parseArgs({
  options: { json: { type: "string" }, save: { type: "boolean" } },
  allowPositionals: true,
});
const unknown = positionals.find((name) => parts[name] === undefined);
if (unknown !== undefined)
  throw new Error(`the bench has no part "${unknown}": it has ${Object.keys(parts).join(", ")}`);
const home = await mkdtemp(join(tmpdir(), "fractal-punch-bench-"));
try {
  const figures: KeptFigure[] = [];
  for (const [part, measure] of Object.entries(parts))
    if (positionals.length === 0 || positionals.includes(part))
      figures.push(...(await measure(home)).map((figure) => ({ part, ...figure })));
  console.log(tableText(figures));
  for (const text of shortTexts(figures)) console.log(`profile of ${text}`);
  if (values.json !== undefined) await writeFile(values.json, jsonText(figures));
  const baseline = await readBaseline();
  for (const change of changes(baseline?.figures ?? [], figures)) console.log(changeText(change));
  if (values.save === true) await keep(merged(baseline, Object.keys(parts), figures));
  if (figures.some((figure) => judge(figure) === "short")) process.exitCode = 1;
} finally {
  await rm(home, { recursive: true, force: true });
}

async function loopbackFigures(folder: string): Promise<Figure[]> {
  const { primitives } = await loadPrimitives();
  const served = await startServer(folder);
  const { host, invite } = await served.startHost();
  try {
    await sleep(idleMs);
    const server = await memoryOf(served.pid);
    const hostMemory = await memoryOf(host.pid);
    return [
      { name: "idle server: memory", value: server.residentMb, unit: "MB", atMost: 90 },
      { name: "idle server: memory without files", value: server.anonymousMb, unit: "MB" },
      { name: "idle host: memory", value: hostMemory.residentMb, unit: "MB", atMost: 80 },
      { name: "idle host: memory without files", value: hostMemory.anonymousMb, unit: "MB" },
      ...(await serverFigures(served, primitives, server.residentMb)),
      ...(await classicFigures(folder)),
      ...(await sessionFigures(served, invite, folder)),
    ];
  } finally {
    await Promise.all([host.stop(), served.program.stop()]);
  }
}

function jsonText(figures: readonly Figure[]): string {
  return `${JSON.stringify({ node: process.version, figures: figures.map((figure) => ({ ...figure, judgement: judge(figure) })) }, undefined, 2)}\n`;
}

/** `undefined` when nothing was kept yet. */
async function readBaseline(): Promise<Baseline | undefined> {
  const text = await readFile(baselinePath, "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

async function keep(baseline: Baseline): Promise<void> {
  await writeFile(baselinePath, `${JSON.stringify(baseline, undefined, 2)}\n`);
  await writeFile(join(docs, "performance.md"), reportText(baseline));
  await writeFile(join(docs, "performance.svg"), reportPlot(baseline));
}
