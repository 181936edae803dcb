/** `fractal-punch ticket`: makes and revokes tickets with a server's secret, on its machine or with a copy of the secret. */

import { addressFromText } from "@fractal-punch/machine";
import { PunchError } from "@fractal-punch/peer";
import {
  defaultPort,
  defaultStateFolder,
  mintClientTicket,
  mintHostTicket,
  mintTurnTicket,
  readSecret,
  readServerFile,
  revokeTicket,
} from "@fractal-punch/server";
import { type Ticket, ticketFromText, ticketText } from "@fractal-punch/wire";
import type { Command } from "commander";
import { readTextFile } from "./invite-source.ts";
import { lifeOption } from "./number-option.ts";
import { Output } from "./output.ts";
import { dialText } from "./own-server.ts";
import { dateText } from "./quantity.ts";
import { expiryAfter, hostLifeSeconds } from "./tickets.ts";

interface TicketOptions {
  readonly ttl?: number;
  readonly state?: string;
  readonly secretFile?: string;
  readonly json?: boolean;
}

const clientLifeSeconds = 86_400;

const examples = `
Examples:
  fractal-punch ticket alice-pc                    good for a year
  fractal-punch ticket alice-pc --ttl 30d > ticket.txt
  fractal-punch ticket client HOSTID               for login services: admits a client to one host, for a day
  fractal-punch ticket turn bob --ttl 1h --json    for a browser's iceServers
  fractal-punch ticket revoke "$(cat ticket.txt)"  ends what it admitted, and the invites made with it, within a second

The secret is read from --secret-file, FRACTAL_PUNCH_SECRET, or the server's state folder.`;

export function addTicketCommand(program: Command): void {
  const ticket = program
    .command("ticket")
    .description("make or revoke a ticket, on the server's machine")
    .argument("<name>", "who it is for: 1 to 32 of a-z, 0-9 and -")
    .addHelpText("after", examples)
    .action(makeHostTicket);
  const client = ticket
    .command("client")
    .description("make a ticket with which a client may reach one host")
    .argument("<host-id>", "the 52 characters that name the host")
    .action((hostId, _, command) => makeClientTicket(hostId, command.optsWithGlobals()));
  const turn = ticket
    .command("turn")
    .description("make a username and a password for TURN, for browsers and other programs")
    .argument("<name>", "who it is for")
    .action((name, _, command) => makeTurnTicket(name, command.optsWithGlobals()));
  const revoke = ticket
    .command("revoke")
    .description("end a ticket and all that it admitted")
    .argument("<ticket>", "the ticket, or what stands before its last colon")
    .action((text, _, command) => revokeOne(text, command.optsWithGlobals()));
  for (const command of [ticket, client, turn]) {
    command.option(
      "--ttl <time>",
      "when it ends: 12h, 30d, 1y (default: 1y for a host, 1d for a client and for TURN)",
      lifeOption,
    );
    command.option("--secret-file <file>", "read the server's secret from a file");
  }
  for (const command of [ticket, client, turn, revoke]) {
    command.option("--state <folder>", "the server's state folder");
    command.option("--json", "one JSON object, for programs");
  }
}

async function makeHostTicket(name: string, options: TicketOptions): Promise<void> {
  const expirySeconds = expiryAfter(options.ttl ?? hostLifeSeconds);
  const ticket = mintHostTicket(await secretOf(options), name, expirySeconds);
  print(
    ticket,
    expirySeconds,
    options,
    'On the host: fractal-punch host --server SERVER --ticket "..." --udp ADDR:PORT',
  );
}

async function makeClientTicket(hostId: string, options: TicketOptions): Promise<void> {
  const expirySeconds = expiryAfter(options.ttl ?? clientLifeSeconds);
  const ticket = mintClientTicket(await secretOf(options), hostId, expirySeconds);
  print(ticket, expirySeconds, options, "It admits a client to that host and to no other.");
}

/** What a browser's `iceServers` takes: with the server's own name, where it runs on this machine. */
async function makeTurnTicket(name: string, options: TicketOptions): Promise<void> {
  const expirySeconds = expiryAfter(options.ttl ?? clientLifeSeconds);
  const { username, password } = mintTurnTicket(await secretOf(options), name, expirySeconds);
  const urls = await urlsOf(options.state ?? defaultStateFolder());
  const iceServers = [{ urls, username, credential: password }];
  const output = new Output(options.json === true);
  output.event("turn", { iceServers, expirySeconds }, JSON.stringify(iceServers, undefined, 2));
  output.notice(`Good until ${dateText(expirySeconds * 1000)}. It is for RTCPeerConnection's iceServers.`);
}

/** How others reach the server that runs with that folder; "SERVER" when none does. */
async function urlsOf(stateFolder: string): Promise<string[]> {
  const file = await readServerFile(stateFolder);
  const [bound] = file?.listening ?? [];
  const name = file?.publicNames[0] ?? "SERVER";
  const server = dialText(name, (bound && addressFromText(bound)?.port) || defaultPort);
  const urls = [`stun:${server}`, `turn:${server}?transport=udp`, `turn:${server}?transport=tcp`];
  if (file?.tlsPort !== undefined) urls.push(`turns:${dialText(name, file.tlsPort)}?transport=tcp`);
  return urls;
}

function print({ username, password }: Ticket, expirySeconds: number, { json }: TicketOptions, use: string): void {
  const output = new Output(json === true);
  const ticket = ticketText({ username, password });
  output.event("ticket", { ticket, username, expirySeconds }, ticket);
  output.notice(`Good until ${dateText(expirySeconds * 1000)}. ${use}`);
}

async function revokeOne(text: string, { state, json }: TicketOptions): Promise<void> {
  const username = ticketFromText(text.trim())?.username ?? text.trim();
  await revokeTicket(state ?? defaultStateFolder(), username);
  new Output(json === true).event("revoked", { username }, `Revoked ${username}.`);
}

async function secretOf({ secretFile, state }: TicketOptions): Promise<string> {
  const given =
    secretFile === undefined ? process.env["FRACTAL_PUNCH_SECRET"] : await readTextFile("--secret-file", secretFile);
  if (!given) return readSecret(state ?? defaultStateFolder());
  if (/^[A-Za-z0-9_-]{43}$/.test(given)) return given;
  throw new PunchError("USAGE", "The secret that was given is none: a server's secret has 43 characters of base64url.");
}
