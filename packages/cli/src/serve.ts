/** `fractal-punch serve`: runs the server until it is stopped. */
import { type Address, addressText } from "@fractal-punch/machine";
import { PunchError } from "@fractal-punch/peer";
import {
  type DriverKind,
  defaultLimits,
  defaultPort,
  defaultSecondPort,
  defaultStateFolder,
  defaultTlsPort,
  type Limits,
  type PortRange,
  type RunningServer,
  readTurnUsers,
  serve,
  type TlsSettings,
  type TurnSettings,
} from "@fractal-punch/server";
import { type Command, Option } from "commander";
import { type Interruption, stoppedCode, watchInterruption } from "./interruption.ts";
import { loopbackOption } from "./loopback-option.ts";
import type { MetricsEndpoint } from "./metrics-endpoint.ts";
import { bytesOption, rangeOption, wholeOption } from "./number-option.ts";
import { dialText } from "./own-server.ts";
import { type Log, logLine, openLog } from "./serve-log.ts";
import { keepYoungGenerationSmall } from "./young-generation.ts";

interface ServeOptions {
  readonly public?: readonly string[];
  readonly listen?: readonly string[];
  readonly port: number;
  readonly port2: number;
  readonly tls: boolean;
  readonly tlsPort: number;
  readonly certificate?: string;
  readonly key?: string;
  readonly state?: string;
  readonly access: "tickets" | "open";
  readonly classic: boolean;
  readonly classicEntries: number;
  readonly turn: boolean;
  readonly realm: string;
  readonly relayPorts?: PortRange;
  readonly relayAllow?: readonly string[];
  readonly relayDeny?: readonly string[];
  readonly turnUsers?: string;
  readonly relayRate?: number;
  readonly relayTotal?: number;
  readonly metrics?: Address;
  readonly driver?: DriverKind;
  readonly threads?: number;
  readonly json?: boolean;
}

const examples = `
Examples:
  fractal-punch serve
  fractal-punch serve --public punch.example.com --state /var/lib/fractal-punch

Hosts need tickets: make one with "fractal-punch ticket NAME". Logs are JSON lines when stdout is not a terminal.
The state folder is FRACTAL_PUNCH_STATE, systemd's STATE_DIRECTORY, or the place that this system has for it.`;

export function addServeCommand(program: Command): void {
  const port = wholeOption(0, 65_535);
  const entries = wholeOption(1, 1_000_000);
  program
    .command("serve")
    .description("run the server, on a machine with a public address")
    .option("--public <name...>", "names or addresses under which others reach it (default: found out)")
    .option("--listen <ip...>", "listen on these addresses (default: all)")
    .option("--port <n>", "port of UDP and TCP; 0: any", port, defaultPort)
    .option("--port2 <n>", "second UDP port, which tells peers how their NATs map; 0: any", port, defaultSecondPort)
    .option("--tls-port <n>", "port of TLS, for networks that block UDP; 0: any", port, defaultTlsPort)
    .option("--no-tls", "open no port for TLS")
    .option("--certificate <file>", "certificate for TLS with its chain, in PEM (default: one that the server makes)")
    .option("--key <file>", "the key of --certificate, in PEM")
    .option("--state <folder>", "where its secret, its certificate and revocations are kept")
    .addOption(
      new Option("--access <who>", "who may register hosts; open is for trusted networks")
        .choices(["tickets", "open"])
        .default("tickets"),
    )
    .option("--relay-rate <bytes>", "relay at most so much a second for each ticket, for example 10M", bytesOption)
    .option(
      "--relay-total <bytes>",
      "relay at most so much for each ticket until it ends, for example 500G",
      bytesOption,
    )
    .option("--no-classic", "do not serve the classic protocols, which ask for no ticket")
    .option(
      "--classic-entries <n>",
      "so many requests of each classic kind may wait",
      entries,
      defaultLimits.classicEntries,
    )
    .option(
      "--metrics <ip:port>",
      "metrics for Prometheus over HTTP, on a loopback address such as 127.0.0.1:9480 (default: none)",
      loopbackOption,
    )
    .option("--no-turn", "relay for no other programs by TURN; with --no-classic, open no TCP port either")
    .option("--realm <text>", "what TURN's clients are told to ask with", "fractal-punch")
    .option("--relay-ports <first-last>", "UDP ports that TURN relays through (default: 49152-65535)", rangeOption)
    .option(
      "--relay-allow <network...>",
      "let TURN relay to networks that it refuses by default, for example 10.0.0.0/8",
    )
    .option("--relay-deny <network...>", "let TURN not relay to these networks")
    .option("--turn-users <file>", "users of TURN besides those with tickets: lines of name:password")
    .addOption(
      new Option("--driver <how>", "how UDP is read and written (default: in batches where that works)").choices([
        "batch",
        "dgram",
      ]),
    )
    .option("--threads <n>", "so many read and write UDP (default: one less than processors)", wholeOption(1, 64))
    .option("--json", "JSON lines on a terminal, too")
    .addHelpText("after", examples)
    .action(runServe);
}

async function runServe(options: ServeOptions): Promise<void> {
  keepYoungGenerationSmall();
  const interruption = watchInterruption();
  const json = options.json === true || !process.stdout.isTTY;
  const log = openLog(json);
  const stateFolder = options.state ?? defaultStateFolder();
  const server = await serve({
    stateFolder,
    listen: options.listen ?? [],
    port: options.port,
    secondPort: options.port2,
    publicNames: options.public ?? [],
    access: options.access,
    classic: options.classic,
    turn: options.turn ? await turnOf(options, log) : null,
    tls: tlsOf(options),
    limits: limitsOf(options),
    ...(options.driver && { driver: options.driver }),
    ...(options.threads && { threads: options.threads }),
    onEvent(event) {
      const line = logLine(event);
      if (line !== undefined) log(line);
    },
  });
  const metrics = await openMetrics(options.metrics, server);
  tellReady(server, metrics, options, stateFolder, log);
  await stopped(interruption);
  await metrics?.close();
  await server.close();
  log({ level: "info", event: "stopped", fields: { signal: interruption.name() }, text: "Stopped." });
  process.exitCode = stoppedCode(interruption);
}

async function turnOf(options: ServeOptions, log: Log): Promise<TurnSettings> {
  const { realm, relayPorts, relayAllow, relayDeny, turnUsers: file } = options;
  const read = file === undefined ? undefined : await readTurnUsers(file);
  if (read?.isReadableByOthers === true) {
    const text = `Others on this machine may read the passwords in ${file}: "chmod 600 ${file}" keeps them out.`;
    log({ level: "warn", event: "turn-users-readable", fields: { file }, text });
  }
  return {
    realm,
    ...(read && { users: read.users }),
    ...(relayPorts && { relayPorts }),
    ...(relayAllow && { allow: relayAllow }),
    ...(relayDeny && { deny: relayDeny }),
  };
}

function tlsOf({ tls, tlsPort, certificate, key }: ServeOptions): TlsSettings | null {
  if ((certificate === undefined) !== (key === undefined))
    throw new PunchError("USAGE", "--certificate and --key belong together: give both, or neither.");
  const files = certificate !== undefined && key !== undefined ? { certificate, key } : undefined;
  if (tls) return { port: tlsPort, ...(files && { files }) };
  if (files === undefined) return null;
  throw new PunchError("USAGE", "With --no-tls there is no use for --certificate and --key: leave out either.");
}

function limitsOf({ classicEntries, relayRate, relayTotal }: ServeOptions): Partial<Limits> {
  return {
    classicEntries,
    ...(relayRate !== undefined && { relayBytesPerSecond: relayRate }),
    ...(relayTotal !== undefined && { relayBytes: relayTotal }),
  };
}

/** Loads what it takes, which is not small, only where it is wanted. */
async function openMetrics(address: Address | undefined, server: RunningServer): Promise<MetricsEndpoint | undefined> {
  if (address === undefined) return undefined;
  try {
    const { openMetricsEndpoint } = await import("./metrics-endpoint.ts");
    return await openMetricsEndpoint(address, server);
  } catch (error) {
    await server.close();
    throw error;
  }
}

function tellReady(
  { listening, listeningTcp, listeningTls, publicNames }: RunningServer,
  metrics: MetricsEndpoint | undefined,
  options: ServeOptions,
  state: string,
  log: Log,
): void {
  const addresses = listening.map(addressText);
  const tcpAddresses = listeningTcp.map(addressText);
  const tlsAddresses = listeningTls.map(addressText);
  const port = listening[0]?.port ?? options.port;
  const { names } = publicNames;
  const server = port === defaultPort ? (names[0] ?? "ADDRESS") : dialText(names[0] ?? "ADDRESS", port);
  const open = options.access === "open";
  const ticket = open ? "" : " --ticket TICKET";
  const tcp = tcpAddresses.length === 0 ? "" : ` and TCP ${tcpAddresses.join(" and ")}`;
  const tls = tlsAddresses.length === 0 ? "" : ` and TLS ${tlsAddresses.join(" and ")}`;
  const metricsText = metrics === undefined ? "" : `; metrics at http://${metrics.address}/metrics`;
  const text = `Ready on UDP ${addresses.join(" and ")}${tcp}${tls}${metricsText}; state in ${state}.`;
  const advice = `

  ${open ? "Access is open: hosts need no ticket." : `A ticket for a host:   ${commandName()} ticket NAME`}
  On the host:           fractal-punch host --server ${server}${ticket} --udp 127.0.0.1:47998
  To try it out here:    ${commandName()} host --echo, and in another terminal: ${commandName()} ping
`;
  log({
    level: "info",
    event: "listening",
    fields: {
      port,
      addresses,
      tcpAddresses,
      tlsAddresses,
      publicNames: names,
      stateFolder: state,
      metrics: metrics?.address,
    },
    text,
    advice,
  });
}

/** How people call this program where they started it: a checkout has it behind npx. */
function commandName(): string {
  return process.env["npm_lifecycle_event"] === "start" ? "npx fractal-punch" : "fractal-punch";
}

function stopped({ signal }: Interruption): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve());
  });
}
