import { readFile, stat } from "node:fs/promises";
import { ServerError, systemCode } from "./server-error.ts";

export interface TurnUsers {
  /** Passwords by username. */
  readonly users: Readonly<Record<string, string>>;
  /** Others on this machine may read the file. */
  readonly isReadableByOthers: boolean;
}

/** RFC 8489 section 14.3. */
const maxNameBytes = 508;
const othersMayRead = 0o044;

/**
 * Reads the users of TURN that need a password of their own: lines of `name:password`, UTF-8; empty ones and those that
 * begin with # count for nothing. Rejects with a ServerError: OPTION.
 */
export async function readTurnUsers(path: string): Promise<TurnUsers> {
  const { bytes, mode } = await read(path);
  const users = new Map<string, string>();
  for (const [index, line] of textOf(path, bytes).split(/\r?\n/).entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const [name, password] = userOf(line, `${path}, line ${index + 1}`);
    if (users.has(name)) throw faulty(`${path}, line ${index + 1}: "${name}" is there already. Take one of them out.`);
    users.set(name, password);
  }
  // Windows has no such mode: there every file seems to be readable.
  const isReadableByOthers = process.platform !== "win32" && (mode & othersMayRead) !== 0;
  return { users: Object.fromEntries(users), isReadableByOthers };
}

async function read(path: string): Promise<{ bytes: Uint8Array; mode: number }> {
  try {
    return { bytes: await readFile(path), mode: (await stat(path)).mode };
  } catch (error) {
    const remedy = "Name a file with --turn-users that this user may read.";
    throw faulty(`The users of TURN in ${path} cannot be read (${systemCode(error)}). ${remedy}`, error);
  }
}

function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw faulty(`${path} is not text in UTF-8. Save it as that.`, error);
  }
}

function userOf(line: string, where: string): [name: string, password: string] {
  const colon = line.indexOf(":");
  if (colon < 0) throw faulty(`${where}: there is no colon. Write a user as name:password.`);
  const name = line.slice(0, colon);
  const password = line.slice(colon + 1);
  if (name === "" || password === "")
    throw faulty(`${where}: the ${name === "" ? "name" : "password"} is missing. Write a user as name:password.`);
  if (Buffer.byteLength(name) > maxNameBytes)
    throw faulty(`${where}: the name has more than ${maxNameBytes} bytes. Take a shorter one.`);
  return [name, password];
}

function faulty(message: string, cause?: unknown): ServerError {
  return new ServerError("OPTION", message, cause);
}
