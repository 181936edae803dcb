/** `fractal-punch connect`: brings a host's UDP service to a port of this machine, and keeps it there. */
import { setTimeout as delay } from "node:timers/promises";
import { addressText } from "@fractal-punch/machine";
import { type Connection, connect, PunchError, type PunchErrorCode } from "@fractal-punch/peer";
import type { Command } from "commander";
import { type Interruption, stoppedCode, watchInterruption } from "./interruption.ts";
import { findInvite, type InviteOptions } from "./invite-source.ts";
import { Output } from "./output.ts";
import { connectingText, pathText, reportPaths } from "./path-report.ts";
import { msText } from "./quantity.ts";
import { Rates } from "./rates.ts";
import { ClientTunnel } from "./tunnel-client.ts";
import { resolveUdpAddress } from "./udp-address.ts";
import { limitedWarnings } from "./warnings.ts";

interface ConnectOptions extends InviteOptions {
  readonly udp: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  fractal-punch connect fp1-... --udp 127.0.0.1:47998
  fractal-punch connect --invite-file invite.txt --udp 5000      a port of 127.0.0.1
  fractal-punch connect - --udp 5000 < invite.txt

What programs send to that port reaches the service that the host offers with --udp, and the answers come back to each.
Without an invite it is FRACTAL_PUNCH_INVITE, or the one that a host on this machine printed last.`;

/** Once it has worked, these may pass by themselves: the host restarts, a network is away. */
const passing: ReadonlySet<PunchErrorCode> = new Set<PunchErrorCode>([
  "SERVER_UNRESOLVED",
  "SERVER_UNREACHABLE",
  "SERVER_FULL",
  "HOST_NOT_FOUND",
  "HOST_SILENT",
  "HOST_FULL",
  "PATH_LOST",
  "CLOSED",
]);
const firstPauseMs = 1000;
const longestPauseMs = 30_000;

export function addConnectCommand(program: Command): void {
  program
    .command("connect")
    .description("bring a host's UDP service to this machine")
    .argument("[invite]", "the invite that the host printed; - reads it from standard input")
    .requiredOption("--udp <addr:port>", "listen here for the programs that use the service")
    .option("--invite-file <file>", "read the invite from a file")
    .option("--folder <folder>", "where this client's key is kept (default: the user's config folder)")
    .option("--json", "one JSON object a line, for programs")
    .addHelpText("after", examples)
    .action(runConnect);
}

async function runConnect(argument: string | undefined, options: ConnectOptions): Promise<void> {
  const output = new Output(options.json === true);
  const interruption = watchInterruption();
  const invite = await findInvite(argument, options);
  const warn = limitedWarnings((message) => output.warn(message));
  const tunnel = new ClientTunnel(await resolveUdpAddress(options.udp, true), warn);
  const address = addressText(tunnel.address);
  output.event("listening", { address }, `Listening on UDP ${address}.`);
  try {
    await keepConnected(invite, options, tunnel, output, interruption);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
  } finally {
    output.end();
    tunnel.close();
  }
  process.exitCode = stoppedCode(interruption);
}

/** Ends only by rejecting: by the first fault before it ever worked, or one that will not pass, or an interruption. */
async function keepConnected(
  invite: string,
  { folder }: ConnectOptions,
  tunnel: ClientTunnel,
  output: Output,
  { signal }: Interruption,
): Promise<never> {
  let worked = false;
  let pauseMs = firstPauseMs;
  for (;;) {
    try {
      const startedAtMs = performance.now();
      output.status(() => connectingText(startedAtMs));
      const connection = await connect(invite, { signal, ...(folder !== undefined && { folder }) });
      worked = true;
      pauseMs = firstPauseMs;
      await carry(connection, tunnel, output, startedAtMs);
    } catch (error) {
      if (signal.aborted || !(worked && error instanceof PunchError && passing.has(error.code))) throw error;
      output.event("closed", { code: error.code }, `${error.message} Trying again until it works.`);
    }
    await delay(pauseMs, undefined, { signal });
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  }
}

/** Rejects when the session has ended, with the reason. */
function carry(connection: Connection, tunnel: ClientTunnel, output: Output, startedAtMs: number): Promise<never> {
  tunnel.attach(connection);
  reportPaths(connection, output, startedAtMs);
  const rates = new Rates(performance.now());
  output.status(() => {
    const { path, counts } = connection;
    const rtt = path.rttMs === undefined ? "" : `, ${msText(path.rttMs)}`;
    const programs = tunnel.flows === 1 ? "1 program" : `${tunnel.flows} programs`;
    return `${pathText(path)}${rtt}, ${programs}, ${rates.text(counts, performance.now())}`;
  });
  return new Promise((_, reject) => {
    connection.once("close", (error) => reject(error ?? new PunchError("CLOSED", "The host has closed the session.")));
  });
}
