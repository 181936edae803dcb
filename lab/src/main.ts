/** `npm run lab`: pings over every pair, and prints which path each got, and how soon. */
import { offer, ping, serve } from "./commands.ts";
import { type Lab, withLab } from "./lab.ts";
import { type Pair, pairs } from "./pairs.ts";
import { numberIn, type ProcessEvent, textIn } from "./process.ts";
import { missingRequirement } from "./requirements.ts";

/** Of a pair that may stay relayed: long enough for all that is tried at the start. */
const relayedPings = ["--count", "20", "--interval", "0.1"];
const directPings = ["--until-direct", "--interval", "0.05"];

const titles = ["pair", "path", "expected", "first reply, ms", "direct, ms"];

const missing = missingRequirement();
if (missing === undefined) await main(process.argv.slice(2));
else refuse(missing);

async function main(args: readonly string[]): Promise<void> {
  const wanted = pairs.filter(({ name }) => args.length === 0 || args.some((arg) => name.includes(arg)));
  if (wanted.length === 0)
    return refuse(`no pair has a name like that; there are:\n${pairs.map(({ name }) => name).join("\n")}`);
  const results: Result[] = [];
  for (const pair of wanted) results.push(await withLab((lab) => measure(lab, pair)));
  printTable([titles, ...results.map(cellsOf)]);
  if (results.some(({ pair, path }) => pair.path !== "either" && path !== pair.path)) process.exitCode = 1;
}

interface Result {
  readonly pair: Pair;
  readonly path: string;
  readonly firstReply: ProcessEvent | undefined;
  readonly direct: ProcessEvent | undefined;
}

async function measure(lab: Lab, pair: Pair): Promise<Result> {
  const { server, host, client } = pair.place(lab.topology);
  await serve(lab, server);
  const { invite } = await offer(lab, server, host);
  const pings = ping(lab, client, invite, ...(pair.path === "direct" ? directPings : relayedPings));
  await pings.ended;
  const eventOf = (name: string): ProcessEvent | undefined => pings.events.find(({ event }) => event === name);
  const verdict = eventOf("verdict");
  const path = verdict === undefined ? "none" : textIn(verdict, "path");
  return { pair, path, firstReply: eventOf("reply"), direct: eventOf("direct") };
}

function cellsOf({ pair, path, firstReply, direct }: Result): string[] {
  return [pair.name, path, pair.path, msText(firstReply), msText(direct)];
}

function msText(event: ProcessEvent | undefined): string {
  return event === undefined ? "-" : numberIn(event, "ms").toFixed(0);
}

function printTable(rows: readonly string[][]): void {
  const widths = titles.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  }
}

function refuse(reason: string): void {
  console.error(reason);
  process.exitCode = 2;
}
