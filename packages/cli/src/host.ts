/** `fractal-punch host`: makes this machine reachable and offers one UDP service of it, or an echo. */
import { addressText } from "@fractal-punch/machine";
import { type Connection, type Listener, listen, PunchError } from "@fractal-punch/peer";
import type { Command } from "commander";
import { findHostCredentials, type HostCredentials } from "./host-credentials.ts";
import { type Interruption, stoppedCode, watchInterruption } from "./interruption.ts";
import { writeLastRun } from "./last-run.ts";
import { Output } from "./output.ts";
import { dateText } from "./quantity.ts";
import { SessionLog } from "./session-log.ts";
import { ticketTextEndsAtMs } from "./tickets.ts";
import { type Service, serveEcho, serveTunnel } from "./tunnel-host.ts";
import { resolveUdpAddress } from "./udp-address.ts";
import { limitedWarnings } from "./warnings.ts";

interface HostOptions {
  readonly server?: string;
  readonly ticket?: string;
  readonly ticketFile?: string;
  readonly udp?: string;
  readonly echo?: boolean;
  readonly early?: boolean;
  readonly folder?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  fractal-punch host --server punch.example.com --ticket-file ticket.txt --udp 127.0.0.1:47998
  fractal-punch host --echo          on the server's own machine: finds the server and a ticket by itself

It prints an invite, the same at each start; who has it can reach the service with "fractal-punch connect".
The ticket comes from the server's operator ("fractal-punch ticket NAME"); FRACTAL_PUNCH_TICKET is read as well.`;

export function addHostCommand(program: Command): void {
  program
    .command("host")
    .description("make this machine reachable, and print the invite that reaches it")
    .option("--server <name>", "the server: a name or an IP address, with :PORT if it is not 48800")
    .option("--ticket <text>", "the ticket from the server's operator (others on this machine can see arguments)")
    .option("--ticket-file <file>", "read the ticket from a file")
    .option("--udp <addr:port>", "offer this UDP service, for example 127.0.0.1:47998")
    .option("--echo", "send every datagram back, to try things out")
    .option("--early", "take early data: the first datagram of a client one round trip sooner, perhaps twice")
    .option("--folder <folder>", "where this host's key and invites are kept (default: the user's config folder)")
    .option("--json", "one JSON object a line, for programs")
    .addHelpText("after", examples)
    .action(runHost);
}

async function runHost(options: HostOptions): Promise<void> {
  const output = new Output(options.json === true);
  const interruption = watchInterruption();
  const offer = await offerOf(options, output);
  const credentials = await findHostCredentials(options);
  if (credentials.note !== undefined) output.notice(credentials.note);
  const { folder } = options;
  const listener = await listen({
    server: credentials.server,
    ticket: credentials.ticket,
    earlyData: options.early === true,
    signal: interruption.signal,
    ...(folder !== undefined && { folder }),
  });
  const ended = whenEnded(listener, interruption);
  const { server, ticket } = credentials;
  const remember = (): void => writeLastRun({ server, ticket, invite: listener.invite }, folder);
  // By then the invite says where the server takes TLS; and who is told of it finds it remembered.
  listener.on("registered", () => warnOnFailure(remember, output));
  tellOf(listener, credentials, offer, output);
  try {
    remember();
    await ended;
  } finally {
    output.end();
    await listener.close();
  }
  process.exitCode = stoppedCode(interruption);
}

function warnOnFailure(task: () => void, output: Output): void {
  try {
    task();
  } catch (error) {
    if (!(error instanceof PunchError)) throw error;
    output.warn(error.message);
  }
}

type Offer = (connection: Connection) => void;

async function offerOf({ udp, echo }: HostOptions, output: Output): Promise<Offer> {
  if ((udp === undefined) === (echo !== true))
    throw new PunchError("USAGE", "What does this host offer? Give either --udp ADDR:PORT, a UDP service, or --echo.");
  if (udp === undefined) return serveEcho;
  const warn = limitedWarnings((message) => output.warn(message));
  const service: Service = { address: await resolveUdpAddress(udp, false), warn, openSockets: 0 };
  output.notice(`Offering the UDP service at ${addressText(service.address)}.`);
  return (connection) => serveTunnel(connection, service);
}

/** Resolves when it was interrupted; rejects when the server refused it. */
function whenEnded(listener: Listener, { signal }: Interruption): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.once("error", reject);
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

function tellOf(listener: Listener, { server, ticket }: HostCredentials, offer: Offer, output: Output): void {
  const log = new SessionLog(listener, output);
  let state = `connecting to ${server} …`;
  let registrations = 0;
  output.status(() => (state === "registered" ? `${state} at ${server}, ${log.statusText()}` : state));
  listener.on("session", (connection) => {
    offer(connection);
    log.add(connection);
  });
  listener.on("registered", ({ address }) => {
    state = "registered";
    registrations += 1;
    const { hostId, invite } = listener;
    const text =
      registrations === 1
        ? inviteText(server, invite, ticketTextEndsAtMs(ticket), offer === serveEcho)
        : `Registered at ${server}, seen there as ${address}.`;
    output.event("registered", { hostId, invite, address }, text);
  });
  listener.on("unreachable", ({ message }) => {
    state = `${server} does not answer; trying again`;
    output.event("unreachable", { server, message }, `${message} Trying again until it does.`);
  });
  listener.on("warning", (message) => output.warn(message));
}

function inviteText(server: string, invite: string, endsAtMs: number | undefined, echo: boolean): string {
  const connect = echo ? "" : "fractal-punch connect INVITE --udp 127.0.0.1:47998, or ";
  const end = endsAtMs === undefined ? "" : `, good until ${dateText(endsAtMs)}`;
  return `Registered at ${server}. The invite of this host${end}:

${invite}

On the other device: ${connect}fractal-punch ping INVITE.
`;
}
