/** `npm run bench`: measures the server and the peer over loopback, and the simulator, prints a table, and ends with 1 if a bar is missed. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { classicFigures } from "./classic-figures.ts";
import { costFigures } from "./cost-figures.ts";
import { type Figure, judge, tableText } from "./figures.ts";
import { machineFigures } from "./machine-figures.ts";
import { memoryOf } from "./process-usage.ts";
import { startServer } from "./served.ts";
import { serverFigures } from "./server-figures.ts";
import { sessionFigures } from "./session-figures.ts";
import { simFigures } from "./sim-figures.ts";
import { startFigures } from "./start-figures.ts";
import { turnFigures } from "./turn-figures.ts";

/** Long enough for what starting leaves behind to be collected. */
const idleMs = 8_000;

const { values } = parseArgs({ options: { json: { type: "string" } } });
const folder = await mkdtemp(join(tmpdir(), "fractal-punch-bench-"));
try {
  const figures = [
    ...(await startFigures(folder)),
    ...(await loopbackFigures()),
    ...(await turnFigures(folder)),
    ...(await costFigures()),
    ...(await simFigures()),
    ...(await machineFigures()),
  ];
  console.log(tableText(figures));
  if (values.json !== undefined) await writeFile(values.json, jsonText(figures));
  if (figures.some((figure) => judge(figure) === "short")) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function loopbackFigures(): Promise<Figure[]> {
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
