/** `npm run interop`: runs other people's programs against the built server, and prints what came of it. */
import { cases, unsupported } from "./cases.ts";
import { commandWords } from "./command-words.ts";
import { withCoturn } from "./coturn.ts";
import { type Mark, type Outcome, outcomes, type Surroundings } from "./outcome.ts";
import { withPeer } from "./peer.ts";
import { withServer } from "./punch-server.ts";
import { missingPackages } from "./requirements.ts";

const parts = process.argv.slice(2);
const names = [...cases, ...unsupported].map(({ name }) => name);
const nameWidth = Math.max(...cases.map(({ name }) => name.length));
const seenWidth = 56;
/** RFC 8656's, as with our server. */
const coturnPorts = { first: 49_152, last: 65_535 };

if (names.some(isWanted)) await main();
else {
  console.error(`nothing has a name like that; there are:\n${names.join("\n")}`);
  process.exitCode = 2;
}

function isWanted(name: string): boolean {
  return parts.length === 0 || parts.some((part) => name.includes(part));
}

async function main(): Promise<void> {
  const missing = await missingPackages(console.error);
  const sum: Record<Mark, number> = { passed: 0, FAILED: 0, "not supported": 0, SKIPPED: 0 };
  await withSurroundings(missing, async (around) => {
    for await (const outcome of outcomes(isWanted, around)) {
      sum[outcome.mark] += 1;
      print(outcome);
    }
  });
  const counts = Object.entries(sum).map(([mark, count]) => `${count} ${mark.toLowerCase()}`);
  console.log(counts.join(", "));
  if (missing.length > 0) tellMissing(missing);
  if (sum.FAILED > 0) process.exitCode = 1;
}

async function withSurroundings(
  missing: readonly string[],
  work: (around: Surroundings) => Promise<void>,
): Promise<void> {
  await withServer(["127.0.0.1", "::1"], (server) =>
    withServer(["127.0.0.1", "127.0.0.2"], (discovering) =>
      withPeer((peer) =>
        withCoturn({ secret: server.secret, relayPorts: coturnPorts }, (coturn) => {
          const words = commandWords(server, discovering, peer, coturn);
          return work({ words, missingPackages: missing, urls: server.urls });
        }),
      ),
    ),
  );
}

function print({ name, mark, seen, seconds, command, output }: Outcome): void {
  const time = seconds === undefined ? "" : `${seconds.toFixed(1)} s`;
  const cells = [name.padEnd(nameWidth), mark.padEnd(13), time.padStart(6), seen.padEnd(seenWidth), command ?? ""];
  console.log(cells.join("  ").trimEnd());
  if (output !== undefined) console.log(output.replace(/^/gm, "    "));
}

/** Nothing that was skipped counts as passed. */
function tellMissing(missing: readonly string[]): void {
  console.error(
    `SKIPPED for want of ${missing.join(" and ")}: install with "sudo apt-get install ${missing.join(" ")}".`,
  );
  process.exitCode = 2;
}
