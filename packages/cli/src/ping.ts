/** `fractal-punch ping`: which path a host is reached by, how fast, and why. */

import { connect, PunchError } from "@fractal-punch/peer";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import type { Command } from "commander";
import { interruptedCode, watchInterruption } from "./interruption.ts";
import { findInvite, type InviteOptions } from "./invite-source.ts";
import { secondsOption, wholeOption } from "./number-option.ts";
import { Output } from "./output.ts";
import { connectingText, reportPaths } from "./path-report.ts";
import { type PingPlan, Pings } from "./pings.ts";
import { reportVerdict } from "./verdict-report.ts";

interface PingOptions extends InviteOptions {
  readonly count?: number;
  readonly untilDirect?: boolean;
  readonly early?: boolean;
  readonly interval: number;
  readonly json?: boolean;
}

const usualCount = 5;
/** Traversal is over long before; what stays relayed so long stays relayed. */
const untilDirectMs = 60_000;
const stayedRelayedCode = 1;

const examples = `
Examples:
  fractal-punch ping fp1-...
  fractal-punch ping --until-direct --json
  fractal-punch ping --count 0                   until Ctrl-C

Without an invite it is FRACTAL_PUNCH_INVITE, or the one that a host on this machine printed last.
Ends with 0; with 1 when --until-direct stayed relayed, after ${untilDirectMs / 1000} s or --count pings; with 6 when no ping came back.`;

export function addPingCommand(program: Command): void {
  program
    .command("ping")
    .description("show which path a host is reached by, how fast, and why")
    .argument("[invite]", "the invite that the host printed; - reads it from standard input")
    .option(
      "--count <n>",
      `how many pings; 0: until interrupted (default: ${usualCount})`,
      wholeOption(0, 1_000_000_000),
    )
    .option("--until-direct", "go on until one came back over a direct path")
    .option("--early", "send the first ping as early data")
    .option("--interval <seconds>", "seconds between pings", secondsOption(0.01, 3600), 1)
    .option("--invite-file <file>", "read the invite from a file")
    .option("--folder <folder>", "where this client's key is kept (default: the user's config folder)")
    .option("--json", "one JSON object a line, for programs")
    .addHelpText("after", examples)
    .action(runPing);
}

async function runPing(argument: string | undefined, options: PingOptions): Promise<void> {
  const output = new Output(options.json === true);
  const { signal } = watchInterruption();
  const invite = await findInvite(argument, options);
  const { folder, early } = options;
  const pings = new Pings(output, planOf(options));
  // A part of starting this program, like its other modules, and not of connecting.
  await loadPrimitives();
  const startedAtMs = performance.now();
  output.status(() => connectingText(startedAtMs));
  try {
    const connection = await connect(invite, {
      signal,
      ...(early === true && { earlyData: pings.next() }),
      ...(folder !== undefined && { folder }),
    });
    output.status(() => pings.statusText(connection.path));
    reportPaths(connection, output, startedAtMs);
    const closed = await pings.run(connection, startedAtMs, AbortSignal.any([signal, output.unread]));
    pings.noticeSummary();
    await reportVerdict(connection, output, signal);
    await connection.close();
    process.exitCode = resultCode(pings, options, signal, closed);
  } finally {
    output.end();
  }
}

function planOf({ count, untilDirect, interval }: PingOptions): PingPlan {
  const intervalMs = interval * 1000;
  if (untilDirect === true) return { intervalMs, count: count || Infinity, untilDirectMs };
  return { intervalMs, count: count === 0 ? Infinity : (count ?? usualCount) };
}

/** Throws what kept all pings from coming back. */
function resultCode(
  pings: Pings,
  { untilDirect }: PingOptions,
  signal: AbortSignal,
  closed: PunchError | undefined,
): number {
  if (signal.aborted) return interruptedCode;
  if (closed !== undefined) throw closed;
  if (pings.replies === 0) throw new PunchError("HOST_SILENT", "The host is there, but sent no ping back.");
  return untilDirect === true && !pings.sawDirect ? stayedRelayedCode : 0;
}
