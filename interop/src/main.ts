/** `npm run interop`: runs other people's programs against the built server, and prints what came of it. */
import { cases, unsupported } from "./cases.ts";
import { commandWords } from "./command-words.ts";
import { type Mark, type Outcome, outcomes } from "./outcome.ts";
import { Peer } from "./peer.ts";
import { PunchServer } from "./punch-server.ts";
import { missingPackages } from "./requirements.ts";

const parts = process.argv.slice(2);
const names = [...cases, ...unsupported].map(({ name }) => name);
const nameWidth = Math.max(...cases.map(({ name }) => name.length));

if (names.some(isWanted)) await main();
else {
  console.error(`nothing has a name like that; there are:\n${names.join("\n")}`);
  process.exitCode = 2;
}

function isWanted(name: string): boolean {
  return parts.length === 0 || parts.some((part) => name.includes(part));
}

async function main(): Promise<void> {
  const missing = await missingPackages();
  const sum: Record<Mark, number> = { passed: 0, FAILED: 0, "not supported": 0, SKIPPED: 0 };
  const server = await PunchServer.start(["127.0.0.1", "::1"]);
  const discovering = await PunchServer.start(["127.0.0.1", "127.0.0.2"]);
  try {
    const peer = await Peer.start();
    try {
      const around = { words: commandWords(server, discovering, peer), missingPackages: missing, urls: server.urls };
      for await (const outcome of outcomes(isWanted, around)) {
        sum[outcome.mark] += 1;
        print(outcome);
      }
    } finally {
      peer.close();
    }
  } finally {
    await Promise.all([server.close(), discovering.close()]);
  }
  console.log(
    Object.entries(sum)
      .map(([mark, count]) => `${count} ${mark.toLowerCase()}`)
      .join(", "),
  );
  if (missing.length > 0) tellMissing(missing);
  if (sum.FAILED > 0) process.exitCode = 1;
}

function print({ name, mark, seen, seconds, command, output }: Outcome): void {
  const time = seconds === undefined ? "" : `${seconds.toFixed(1)} s`;
  console.log(`${name.padEnd(nameWidth)}  ${mark.padEnd(13)}  ${time.padStart(6)}  ${seen}`);
  if (output !== undefined) console.log(`    ${command}\n${output.replace(/^/gm, "    ")}`);
}

/** Nothing that was skipped counts as passed. */
function tellMissing(missing: readonly string[]): void {
  console.error(
    `SKIPPED for want of ${missing.join(" and ")}: install with "sudo apt-get install ${missing.join(" ")}".`,
  );
  process.exitCode = 2;
}
