/** The invites that a host has given out, as they stand in a file beside its key. */
import { base32Bytes, base32Text, base64UrlBytes, base64UrlText } from "@fractal-punch/wire";
import { PunchError } from "../errors.ts";
import { readPrivateFile } from "./private-file.ts";

const idBytes = 8;
const secretBytes = 32;

export interface InviteEntry {
  /** 8 bytes; `inviteIdText` for people. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** The one that the host prints at each start. */
  readonly standing: boolean;
  readonly name?: string;
  /** ms since 1970, as are the next two. */
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
  readonly revokedAtMs?: number;
}

export interface InviteFile {
  readonly entries: readonly InviteEntry[];
  /** As `fileStamp` gives it; `undefined` when there is no file. */
  readonly stamp: string | undefined;
}

/** In base32, because base64url may start with a dash, which a command line takes for an option. */
export function inviteIdText(id: Uint8Array): string {
  return base32Text(id);
}

/** Rejects with KEY_FILE when the file cannot be read or is damaged. */
export async function readInviteFile(file: string): Promise<InviteFile> {
  const found = await readPrivateFile(file);
  if (found === undefined) return { entries: [], stamp: undefined };
  try {
    return { entries: entriesFromJson(JSON.parse(found.text)), stamp: found.stamp };
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    const message = `The file of invites ${file} is damaged: ${what}. Put back a good copy, or move it away: the host then makes a new standing invite, and invites given out before end.`;
    throw new PunchError("KEY_FILE", message, cause);
  }
}

export function inviteFileText(entries: readonly InviteEntry[]): string {
  return `${JSON.stringify({ invites: entries.map(jsonOf) }, null, 2)}\n`;
}

function jsonOf(entry: InviteEntry): Record<string, unknown> {
  return {
    id: inviteIdText(entry.id),
    secret: base64UrlText(entry.secret),
    standing: entry.standing || undefined,
    name: entry.name,
    createdAt: timeText(entry.createdAtMs),
    expiresAt: timeText(entry.expiresAtMs),
    revokedAt: timeText(entry.revokedAtMs),
  };
}

function entriesFromJson(json: unknown): InviteEntry[] {
  const invites = isRecord(json) ? json["invites"] : undefined;
  if (!Array.isArray(invites)) throw new Error('it has no list "invites"');
  return invites.map((value: unknown, index) => {
    const entry = isRecord(value) ? entryFromJson(value) : undefined;
    if (entry === undefined) throw new Error(`its invite number ${index + 1} cannot be read`);
    return entry;
  });
}

function entryFromJson(json: Record<string, unknown>): InviteEntry | undefined {
  const id = typeof json["id"] === "string" ? base32Bytes(json["id"]) : undefined;
  const secret = typeof json["secret"] === "string" ? base64UrlBytes(json["secret"]) : undefined;
  const createdAtMs = timeFromJson(json["createdAt"]);
  const expiresAtMs = timeFromJson(json["expiresAt"]);
  const revokedAtMs = timeFromJson(json["revokedAt"]);
  const { name } = json;
  if (id?.length !== idBytes || secret?.length !== secretBytes) return undefined;
  if (createdAtMs === undefined || Number.isNaN(createdAtMs + (expiresAtMs ?? 0) + (revokedAtMs ?? 0)))
    return undefined;
  return {
    id,
    secret,
    standing: json["standing"] === true,
    ...(typeof name === "string" && { name }),
    createdAtMs,
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(revokedAtMs !== undefined && { revokedAtMs }),
  };
}

/** `undefined` where there is none, NaN where it is no time. */
function timeFromJson(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  return typeof value === "string" ? Date.parse(value) : Number.NaN;
}

function timeText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
