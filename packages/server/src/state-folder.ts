/** The folder in which a server keeps what outlives it: its secret, its revocations, and where it is to be found. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { ServerError, systemCode } from "./server-error.ts";

const secretForm = /^[A-Za-z0-9_-]{43}$/;

export interface StateFolder {
  readonly path: string;
  /** 43 characters of base64url. */
  readonly secret: string;
  /** Whether the secret was made just now. */
  readonly isNew: boolean;
}

/** `$FRACTAL_PUNCH_STATE`, else systemd's `$STATE_DIRECTORY`, else the place that the platform has for it. */
export function defaultStateFolder(): string {
  const { FRACTAL_PUNCH_STATE, STATE_DIRECTORY, XDG_STATE_HOME, LOCALAPPDATA } = process.env;
  const own = FRACTAL_PUNCH_STATE || STATE_DIRECTORY;
  if (own) return resolve(own);
  if (process.platform === "win32") return join(LOCALAPPDATA || homedir(), "fractal-punch");
  if (process.getuid?.() === 0) return "/var/lib/fractal-punch";
  return join(XDG_STATE_HOME || join(homedir(), ".local", "state"), "fractal-punch");
}

/**
 * Makes the folder (mode 0700) and the secret in it (mode 0600) where they are missing. Rejects with STATE_FOLDER or
 * SECRET.
 */
export async function openStateFolder(path: string): Promise<StateFolder> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw folderError("made", path, error);
  }
  const secret = randomBytes(32).toString("base64url");
  try {
    await writeFile(secretPath(path), `${secret}\n`, { flag: "wx", mode: 0o600 });
    return { path, secret, isNew: true };
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw folderError("written", path, error);
    return { path, secret: await readSecret(path), isNew: false };
  }
}

/** The secret of a server that has run with this folder. Rejects with STATE_FOLDER when there is none, or SECRET. */
export async function readSecret(path: string): Promise<string> {
  const file = secretPath(path);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw folderError("read", path, error);
  });
  const secret = text.trim();
  if (secretForm.test(secret)) return secret;
  const remedy =
    "Put the file back from a copy, or move it away: the server then makes a new one, and all tickets end.";
  throw new ServerError("SECRET", `${file} does not hold 43 characters of base64url. ${remedy}`);
}

/** A STATE_FOLDER error in words. */
export function folderError(verb: "made" | "read" | "written", path: string, error: unknown): ServerError {
  const code = systemCode(error);
  const remedy =
    code === "EACCES" || code === "EPERM"
      ? "Use the user that it belongs to, or name another folder."
      : code === "ENOENT"
        ? "Start the server once with this folder, or name the one that it uses."
        : "Name another folder, or free the disk.";
  return new ServerError("STATE_FOLDER", `The state folder ${path} cannot be ${verb} (${code}). ${remedy}`, error);
}

function secretPath(folder: string): string {
  return join(folder, "secret");
}
