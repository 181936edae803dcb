/** What the simulator's worlds cost: those of the swarm on one core, and one world with a thousand sessions. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Figure, median } from "./figures.ts";

const program = fileURLToPath(new URL("../../sim/dist/main.js", import.meta.url));
const runs = 3;
const worldsASecond = 300;
const sessionKib = 64;

export async function simFigures(): Promise<Figure[]> {
  const rates: number[] = [];
  for (let i = 0; i < runs; i++) rates.push(await printed(["--seeds", "1-5000"], /([0-9]+) worlds a second/));
  const kib = await printed(["--sessions", "1000"], /([0-9.]+) KiB a session/);
  return [
    {
      name: "simulator: wall time of a random world",
      value: 1000 / median(rates),
      unit: "ms",
      atMost: 1000 / worldsASecond,
    },
    { name: "simulator: memory of one of 1,000 sessions", value: kib, unit: "KiB", atMost: sessionKib },
  ];
}

/** The number that the simulator's program prints at the place of the group. Rejects when it fails. */
async function printed(args: readonly string[], pattern: RegExp): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args]);
  const match = pattern.exec(stdout);
  if (match === null) throw new Error(`the simulator printed no such number: ${stdout}`);
  return Number(match[1]);
}
