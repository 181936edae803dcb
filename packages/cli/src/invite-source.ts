/** Where `ping` and `connect` have their invite from. */
import { readFile } from "node:fs/promises";
import { text as streamText } from "node:stream/consumers";
import { PunchError } from "@fractal-punch/peer";
import { readLastRun } from "./last-run.ts";

export interface InviteOptions {
  readonly inviteFile?: string;
  readonly folder?: string;
}

/**
 * The argument ("-": standard input), --invite-file, $FRACTAL_PUNCH_INVITE, or what a host on this machine last printed.
 * Rejects with USAGE when there is none.
 */
export async function findInvite(argument: string | undefined, options: InviteOptions): Promise<string> {
  if (argument === "-") return streamText(process.stdin);
  if (argument !== undefined) return argument;
  if (options.inviteFile !== undefined) return readTextFile("--invite-file", options.inviteFile);
  const fromEnvironment = process.env["FRACTAL_PUNCH_INVITE"];
  if (fromEnvironment) return fromEnvironment;
  const lastRun = await readLastRun(options.folder);
  if (lastRun !== undefined) return lastRun.invite;
  throw new PunchError(
    "USAGE",
    "Which host? Give its invite as the argument, with --invite-file or in FRACTAL_PUNCH_INVITE; no host has run on this machine.",
  );
}

/** The text of a file that an option names. Rejects with USAGE. */
export async function readTextFile(option: string, path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new PunchError("USAGE", `${option}: the file ${path} cannot be read (${reason}).`, error);
  }
}
