/** `npm run sim -- --seeds A-B`: runs the worlds of these seeds, and prints what is wrong with any. */
import { parseArgs } from "node:util";
import { entryText } from "./datagram-log.ts";
import { measureSessions } from "./sessions.ts";
import { runSeed } from "./swarm/run-seed.ts";

const usage = `usage: npm run sim -- --seeds 1-1000      runs these worlds
       npm run sim -- --seed 7 [--log]   runs one; --log prints each of its datagrams
       npm run sim -- --sessions 1000    connects so many clients in one world, and prints what they cost`;

interface Options {
  readonly seeds?: string;
  readonly seed?: string;
  readonly sessions?: string;
  readonly log?: boolean;
}

const { seeds, seed, sessions, log } = optionsOf(process.argv.slice(2));
if (sessions !== undefined) process.stdout.write(`${measureSessions(sessionCountOf(sessions))}\n`);
else if (seed === undefined) runRange(seeds ?? "1-1000");
else runRange(`${seed}-${seed}`, seed, log);

function runRange(range: string, given: string = range, logged: boolean = false): void {
  const { from, to } = seedsOf(range, given);
  const startedAt = performance.now();
  let faults = 0;
  for (let number = from; number <= to; number++) {
    const run = runSeed(number, logged);
    if (logged) process.stdout.write(`${run.world}\n${run.log.map((entry) => `${entryText(entry)}\n`).join("")}`);
    if (run.fault === undefined) continue;
    faults++;
    process.stdout.write(`seed ${number}: ${run.fault} (${run.world})\n`);
  }
  const count = to - from + 1;
  const seconds = (performance.now() - startedAt) / 1000;
  process.stdout.write(`${count - faults} passed, ${faults} failed; ${(count / seconds).toFixed(0)} worlds a second\n`);
  if (faults > 0) process.exitCode = 1;
}

function seedsOf(range: string, given: string): { from: number; to: number } {
  const match = /^([0-9]{1,15})-([0-9]{1,15})$/.exec(range);
  const [from, to] = [Number(match?.[1] ?? Number.NaN), Number(match?.[2] ?? Number.NaN)];
  if (from <= to) return { from, to };
  return fail(
    `These are no seeds: ${given}. Seeds are whole numbers of at most 15 digits, a range of them A-B with A not above B.`,
  );
}

function sessionCountOf(given: string): number {
  const count = /^[0-9]{1,5}$/.test(given) ? Number(given) : 0;
  return count > 0 ? count : fail(`This is no number of sessions: ${given}. Give a whole number from 1 to 99999.`);
}

function optionsOf(args: string[]): Options {
  const text = { type: "string" } as const;
  try {
    const options = { seeds: text, seed: text, sessions: text, log: { type: "boolean" } } as const;
    const { values } = parseArgs({ args, options });
    const modes = [values.seeds, values.seed, values.sessions].filter((value) => value !== undefined);
    if (modes.length > 1) return fail("Give only one of --seeds, --seed and --sessions.");
    if (values.log && values.seed === undefined) return fail("A log is of one world: give --seed with --log.");
    return values;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n${usage}\n`);
  process.exit(2);
}
