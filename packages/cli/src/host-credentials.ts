/** Which server a host registers at, and with which ticket, where people have not said so. */
import { hostname } from "node:os";
import { PunchError } from "@fractal-punch/peer";
import { readTextFile } from "./invite-source.ts";
import { type LastRun, readLastRun } from "./last-run.ts";
import { findOwnServer, type OwnServer } from "./own-server.ts";
import { isMadeWith, newHostTicket, newOpenTicket, ticketTextEndsAtMs } from "./tickets.ts";

export interface CredentialOptions {
  readonly server?: string;
  readonly ticket?: string;
  readonly ticketFile?: string;
  readonly folder?: string;
}

export interface HostCredentials {
  readonly server: string;
  readonly ticket: string;
  /** What was found rather than given, for people. */
  readonly note?: string;
}

/** A ticket that was made here and ends sooner is not used again, for the invite is to last. */
const renewBeforeMs = 30 * 86_400_000;

/**
 * The server: --server, the server on this machine, the one used last. The ticket: --ticket, --ticket-file,
 * $FRACTAL_PUNCH_TICKET, the one used last there, one made with the secret of this machine's server, and at last one that
 * only a server with open access takes. Rejects with USAGE when no server is known.
 */
export async function findHostCredentials(options: CredentialOptions): Promise<HostCredentials> {
  const given = await givenTicket(options);
  const lastRun = await readLastRun(options.folder);
  const own = await findOwnServer();
  const server = options.server ?? own?.address ?? lastRun?.server;
  if (server === undefined)
    throw new PunchError(
      "USAGE",
      "Which server? Give its name with --server; no server runs on this machine, and none was used before.",
    );
  if (given !== undefined) return { server, ticket: given };
  const known = lastRun?.server === server ? lastRun : undefined;
  return { server, ...foundTicket(server, options, known, own) };
}

async function givenTicket({ ticket, ticketFile }: CredentialOptions): Promise<string | undefined> {
  if (ticket !== undefined && ticketFile !== undefined)
    throw new PunchError("USAGE", "Give the ticket once: either --ticket or --ticket-file.");
  if (ticketFile !== undefined) return readTextFile("--ticket-file", ticketFile);
  return ticket ?? (process.env["FRACTAL_PUNCH_TICKET"] || undefined);
}

function foundTicket(
  server: string,
  options: CredentialOptions,
  known: LastRun | undefined,
  own: OwnServer | undefined,
): Omit<HostCredentials, "server"> {
  // The secret is right for the server found here, and worth a try for one that was named on its machine.
  const secret = own !== undefined && (options.server !== undefined || server === own.address) ? own.secret : undefined;
  if (known !== undefined && isGood(known.ticket, secret)) return { ticket: known.ticket };
  if (secret === undefined)
    return {
      ticket: newOpenTicket(),
      note: `No ticket was given: ${server} takes this host only if its access is open.`,
    };
  const reach = own?.hereOnly === true && server === own.address ? " Its invite works on this machine only." : "";
  const note = `Using the server ${server} of this machine, and a ticket made with its secret.${reach}`;
  return { ticket: newHostTicket(secret, hostLabel()), note };
}

/** The same ticket again keeps the invite the same; one that can be made anew is, before it ends. */
function isGood(ticket: string, secret: string | undefined): boolean {
  if (secret === undefined) return true;
  return (ticketTextEndsAtMs(ticket) ?? 0) > Date.now() + renewBeforeMs && isMadeWith(secret, ticket);
}

/** This machine's name as a ticket's. */
function hostLabel(): string {
  const label = hostname().toLowerCase().split(".")[0] ?? "";
  return label.replaceAll(/[^a-z0-9-]/g, "-").slice(0, 32) || "host";
}
