/** `npm run sim -- --seeds A-B`: runs the worlds of these seeds, and prints what is wrong with any. */
import { parseArgs } from "node:util";
import { runSeed } from "./swarm/run-seed.ts";

const usage = "usage: npm run sim -- --seeds 1-1000, or --seed 7";

const { from, to } = seedsOf(process.argv.slice(2));
const startedAt = performance.now();
let faults = 0;
for (let seed = from; seed <= to; seed++) {
  const { fault, world } = runSeed(seed);
  if (fault === undefined) continue;
  faults++;
  process.stdout.write(`seed ${seed}: ${fault} (${world})\n`);
}
const count = to - from + 1;
const seconds = (performance.now() - startedAt) / 1000;
process.stdout.write(`${count - faults} passed, ${faults} failed; ${(count / seconds).toFixed(0)} worlds a second\n`);
if (faults > 0) process.exitCode = 1;

function seedsOf(args: string[]): { from: number; to: number } {
  const { seeds, seed } = optionsOf(args);
  const match = /^([0-9]{1,15})-([0-9]{1,15})$/.exec(seeds ?? `${seed ?? 1}-${seed ?? 1000}`);
  const [first, last] = [Number(match?.[1] ?? Number.NaN), Number(match?.[2] ?? Number.NaN)];
  if (first <= last) return { from: first, to: last };
  return fail(`These are no seeds: ${seeds ?? seed}. Seeds are whole numbers, a range of them A-B with A not above B.`);
}

function optionsOf(args: string[]): { seeds?: string; seed?: string } {
  try {
    return parseArgs({ args, options: { seeds: { type: "string" }, seed: { type: "string" } } }).values;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n${usage}\n`);
  process.exit(2);
}
