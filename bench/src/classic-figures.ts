/** What the classic protocols cost the server, with few and with many who wait. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClassicLoad, entries, openClassicLoad } from "./classic-load.ts";
import { type Figure, median } from "./figures.ts";
import { cpuMicrosEach } from "./load.ts";
import { RunningProgram } from "./running-program.ts";

const few = 100;
const rounds = 5;
const asks = 20_000;
const program = fileURLToPath(new URL("classic-server.js", import.meta.url));

/** Rounds take turns, so that both servers see the same machine. 20 us are 50,000 a second on one core. */
export async function classicFigures(folder: string): Promise<Figure[]> {
  const small = await startWith(few, join(folder, "few"));
  const large = await startWith(entries, join(folder, "many"));
  const fewMicros: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const micros = await cpuMicrosEach(small.server.pid, small.load.asking(asks));
    fewMicros.push(micros);
    ratios.push((await cpuMicrosEach(large.server.pid, large.load.asking(asks))) / micros);
  }
  for (const { server, load } of [small, large]) {
    load.close();
    await server.stop();
  }
  return [
    { name: "server: CPU time of a classic match", value: median(fewMicros), unit: "us", atMost: 20 },
    {
      name: `the same, ${entries.toLocaleString("en")} waiting instead of ${few}`,
      value: median(ratios),
      unit: "x",
      atMost: 1.5,
    },
  ];
}

async function startWith(waiting: number, folder: string): Promise<{ server: RunningProgram; load: ClassicLoad }> {
  const server = new RunningProgram([program, folder], {});
  const { port } = await server.event("listening");
  return { server, load: await openClassicLoad(Number(port), waiting) };
}
