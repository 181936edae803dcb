/** `fractal-punch invite`: the invites of the host on this machine. A running host learns of changes by itself. */
import {
  configFolder,
  InviteBook,
  type InviteEntry,
  inviteIdText,
  inviteTextFor,
  isLive,
  PunchError,
} from "@fractal-punch/peer";
import { inviteFromText, ticketFromText } from "@fractal-punch/wire";
import type { Command } from "commander";
import { type LastRun, readLastRun, writeLastRun } from "./last-run.ts";
import { lifeOption } from "./number-option.ts";
import { type Fields, Output } from "./output.ts";
import { dateText } from "./quantity.ts";

interface InviteOptions {
  readonly ttl?: number;
  readonly name?: string;
  readonly folder?: string;
  readonly json?: boolean;
}

const examples = `
Examples:
  fractal-punch invite                          the standing invite, which "host" prints
  fractal-punch invite --name laptop --ttl 7d   a new one
  fractal-punch invite list
  fractal-punch invite revoke laptop            ends the sessions that came with it, too`;

export function addInviteCommand(program: Command): void {
  const invite = program
    .command("invite")
    .description("print, make, list and revoke the invites of this machine's host")
    .option("--ttl <time>", "make a new invite that ends after this time: 12h, 30d, 1y", lifeOption)
    .option("--name <name>", "make a new invite under this name")
    .addHelpText("after", examples)
    .action(printInvite);
  const list = invite
    .command("list")
    .description("list them all")
    .action((_, command) => listInvites(command.optsWithGlobals()));
  const revoke = invite
    .command("revoke")
    .description("end an invite; a revoked standing invite is followed by a new one")
    .argument("<id-or-name>", "as listed")
    .action((idOrName, _, command) => revokeInvite(idOrName, command.optsWithGlobals()));
  for (const command of [invite, list, revoke])
    command
      .option("--folder <folder>", "where the host's key and invites are kept (default: the user's config folder)")
      .option("--json", "one JSON object a line, for programs");
}

async function printInvite(options: InviteOptions): Promise<void> {
  const { ttl, name, folder = configFolder() } = options;
  const output = new Output(options.json === true);
  const lastRun = await lastRunOf(folder);
  await withBook(folder, async (book) => {
    const wanted = { ...(ttl !== undefined && { ttlSeconds: ttl }), ...(name !== undefined && { name }) };
    const fresh = ttl !== undefined || name !== undefined;
    const entry = fresh ? await book.add(wanted) : book.standing;
    const invite = textOf(entry, lastRun);
    output.event("invite", { ...fieldsOf(entry), invite }, invite);
    if (fresh) output.notice(`Its id is ${inviteIdText(entry.id)}, ${endText(entry)}.`);
  });
}

async function listInvites(options: InviteOptions): Promise<void> {
  const output = new Output(options.json === true);
  await withBook(options.folder ?? configFolder(), async (book) => {
    for (const entry of book.list()) {
      const { id, standing, name = standing ? "(standing)" : "" } = { ...entry, id: inviteIdText(entry.id) };
      const columns = [id, name.padEnd(16), `made ${dateText(entry.createdAtMs)}`, endText(entry)];
      output.event("invite", fieldsOf(entry), columns.join("  "));
    }
  });
}

async function revokeInvite(idOrName: string, options: InviteOptions): Promise<void> {
  const { folder = configFolder() } = options;
  const output = new Output(options.json === true);
  await withBook(folder, async (book) => {
    const entry = await book.revoke(idOrName);
    const lastRun = await readLastRun(folder);
    if (lastRun !== undefined) writeLastRun({ ...lastRun, invite: textOf(book.standing, lastRun) }, folder);
    const next = entry.standing ? ' "fractal-punch invite" prints the new standing one.' : "";
    output.event("revoked", fieldsOf(entry), `Invite ${inviteIdText(entry.id)} is revoked.${next}`);
  });
}

async function withBook(folder: string, use: (book: InviteBook) => Promise<void>): Promise<void> {
  const book = await InviteBook.open(folder);
  try {
    await use(book);
  } finally {
    book.close();
  }
}

async function lastRunOf(folder: string): Promise<LastRun> {
  const lastRun = await readLastRun(folder);
  if (lastRun !== undefined) return lastRun;
  throw new PunchError(
    "USAGE",
    `No host has run with the folder ${folder} yet. Start "fractal-punch host" once: its server and ticket go into the invite.`,
  );
}

/** Server and host key are those of the invite that the host printed last. */
function textOf(entry: InviteEntry, lastRun: LastRun): string {
  const printed = inviteFromText(lastRun.invite);
  const ticket = ticketFromText(lastRun.ticket);
  if (typeof printed === "string" || ticket === undefined) throw new PunchError("INVITE_DAMAGED");
  const { servers, tls, hostKey } = printed;
  return inviteTextFor(entry, { servers, ...(tls && { tls }), hostKey, ticket });
}

function fieldsOf({ id, name, standing, createdAtMs, expiresAtMs, revokedAtMs }: InviteEntry): Fields {
  return { id: inviteIdText(id), name, standing, createdAtMs, expiresAtMs, revokedAtMs };
}

function endText(entry: InviteEntry): string {
  if (entry.revokedAtMs !== undefined) return `revoked ${dateText(entry.revokedAtMs)}`;
  if (!isLive(entry)) return "expired";
  return entry.expiresAtMs === undefined
    ? "good as long as the host's ticket"
    : `good until ${dateText(entry.expiresAtMs)}`;
}
