/** `npm run lab`: checks the lab's links, then measures sessions on them against the limit that their delays set. */
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { checkDelays, type DelayResult } from "./delay-check.ts";
import { type Lab, withLab } from "./lab.ts";
import { type Delays, pairs } from "./pairs.ts";
import { measurePair, type PairResult, type ReplyTime } from "./reply-times.ts";
import { missingRequirement } from "./requirements.ts";
import { type SceneResult, scenes } from "./scenes.ts";
import { Table } from "./table.ts";

const delays: Delays = { server: 15, host: 10, client: 20 };
const delaysName = "links";
const others =
  "others, between cones on the same delays: hyperdht 356 ms, libdatachannel 739, aioice 751 (unencrypted), werift 977";

const usage = "usage: npm run lab -- [--json FILE] [PART OF A NAME ...]";
const { values, positionals } = readArguments();
const missing = await missingRequirement();
if (missing === undefined) await main();
else refuse(missing);

function readArguments(): { values: { json?: string }; positionals: string[] } {
  try {
    return parseArgs({ options: { json: { type: "string" } }, allowPositionals: true });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

async function main(): Promise<void> {
  const names = [delaysName, ...[...pairs, ...scenes].map(({ name }) => name)];
  if (!names.some(isWanted)) return refuse(`nothing has a name like that; there are:\n${names.join("\n")}`);
  if (values.json !== undefined && !(await canWrite(values.json)))
    return refuse(`--json: the file ${values.json} cannot be written; give one in a folder that exists`);
  const results = { links: await runLinks(), pairs: await runPairs(), scenes: await runScenes() };
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (![...results.links, ...results.pairs, ...results.scenes].every(({ holds }) => holds)) process.exitCode = 1;
}

/** Asked before minutes of measuring are lost. */
async function canWrite(file: string): Promise<boolean> {
  return await writeFile(file, "", { flag: "a" }).then(
    () => true,
    () => false,
  );
}

function isWanted(name: string): boolean {
  return positionals.length === 0 || positionals.some((part) => name.includes(part));
}

/** What the work found; `undefined`, after saying why, when it failed: the rest is measured all the same. */
async function measured<T>(name: string, work: (lab: Lab) => Promise<T>): Promise<T | undefined> {
  try {
    return await withLab(work);
  } catch (error) {
    console.log(`${name}: FAILED`);
    console.error(error);
    process.exitCode = 1;
    return undefined;
  }
}

async function runLinks(): Promise<DelayResult[]> {
  if (!isWanted(delaysName)) return [];
  const table = new Table([["delay set, ms"], ["median"], ["p99", 6], [""]], console.log);
  const results = (await measured(delaysName, (lab) => checkDelays(lab, Object.values(delays)))) ?? [];
  for (const { setMs, medianMs, p99Ms, holds } of results)
    table.row([`${setMs}`, medianMs.toFixed(2), p99Ms.toFixed(2), mark(holds)]);
  console.log("");
  return results;
}

async function runPairs(): Promise<PairResult[]> {
  const wanted = pairs.filter(({ name }) => isWanted(name));
  if (wanted.length === 0) return [];
  const nameWidth = Math.max(...wanted.map(({ name }) => name.length));
  const times = ["first reply, ms", "limit", "ratio", "early data, ms", "limit", "ratio"];
  const table = new Table(
    [["pair", nameWidth], ["path", 7], ["expected", 8], ...times.map((title): [string] => [title]), [""]],
    console.log,
  );
  const results: PairResult[] = [];
  for (const pair of wanted) {
    const result = await measured(pair.name, (lab) => measurePair(lab, pair, delays));
    if (result === undefined) continue;
    results.push(result);
    const { name, path, expected, reply, earlyReply, holds } = result;
    table.row([name, path, expected, ...timeCells(reply), ...timeCells(earlyReply), mark(holds)]);
  }
  console.log(`${others}\n`);
  return results;
}

async function runScenes(): Promise<SceneResult[]> {
  const wanted = scenes.filter(({ name }) => isWanted(name));
  if (wanted.length === 0) return [];
  const nameWidth = Math.max(...wanted.map(({ name }) => name.length));
  const table = new Table([["scene", nameWidth], ["seen", 48], ["bar", 20], [""]], console.log);
  const results: SceneResult[] = [];
  for (const { name, play } of wanted) {
    const result = await measured(name, (lab) => play(lab, delays));
    if (result === undefined) continue;
    results.push({ name, ...result });
    table.row([name, result.seen, result.bar, mark(result.holds)]);
  }
  return results;
}

function timeCells({ medianMs, limitMs }: ReplyTime): string[] {
  return [medianMs.toFixed(1), `${limitMs}`, (medianMs / limitMs).toFixed(2)];
}

function mark(holds: boolean): string {
  return holds ? "" : "MISSED";
}

function refuse(reason: string): void {
  console.error(reason);
  process.exitCode = 2;
}
