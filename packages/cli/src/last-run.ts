/**
 * What a host on this machine last used: its server, ticket and invite. With it `ping` and `connect` find the invite, and
 * `invite` the server, when nobody names them.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { configFolder, PunchError } from "@fractal-punch/peer";

export interface LastRun {
  readonly server: string;
  readonly ticket: string;
  readonly invite: string;
}

const fileName = "last-run.json";

/** `undefined` when no host has run with this folder, or the file is not readable as what it should be. */
export async function readLastRun(folder: string = configFolder()): Promise<LastRun | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, fileName), "utf8"));
    return isLastRun(value) ? value : undefined;
  } catch {
    // Missing or damaged: it only spares typing, so it is as if it had never been there.
    return undefined;
  }
}

/** Throws FOLDER when the folder cannot be written. Synchronous: a host must not miss the event of its registration. */
export function writeLastRun(lastRun: LastRun, folder: string = configFolder()): void {
  const path = join(folder, fileName);
  const fresh = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(fresh, `${JSON.stringify(lastRun, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(fresh, path);
  } catch (error) {
    throw new PunchError("FOLDER", `The folder ${folder} cannot be written. Choose another one with --folder.`, error);
  }
}

function isLastRun(value: unknown): value is LastRun {
  if (typeof value !== "object" || value === null) return false;
  const fields = ["server", "ticket", "invite"] as const;
  return fields.every((field) => field in value && typeof Reflect.get(value, field) === "string");
}
