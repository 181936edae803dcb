/** Files that only their owner may read: keys and invites. They are replaced whole, so that no reader sees half of one. */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PunchError } from "../errors.ts";
import { makeFolder } from "./config-folder.ts";
import { systemErrorCode, systemErrorWords } from "./system-error.ts";

const lockRetryMs = 10;
/** A lock is held for the few ms of one write: one this old was left behind by a process that died. */
const lockStaleMs = 5_000;

export interface PrivateFile {
  readonly text: string;
  /** As `fileStamp` gives it. */
  readonly stamp: string;
}

/** `undefined` when there is no such file. Rejects with KEY_FILE when it cannot be read, or others than its owner can. */
export async function readPrivateFile(file: string): Promise<PrivateFile | undefined> {
  try {
    return await readChecked(file);
  } catch (cause) {
    if (cause instanceof PunchError) throw cause;
    if (isMissing(cause)) return undefined;
    const message = `The file ${file} cannot be read: ${systemErrorWords(cause)}. Run this as the user who owns it.`;
    throw new PunchError("KEY_FILE", message, cause);
  }
}

/** A text that changes whenever the file is replaced or written to; `undefined` when it cannot be looked at. */
export async function fileStamp(file: string): Promise<string | undefined> {
  try {
    return stampOf(await stat(file, { bigint: true }));
  } catch {
    return undefined;
  }
}

/** Replaces the file, or makes it, with mode 0600. Rejects with FOLDER when the folder cannot be written. */
export async function writePrivateFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.new`;
  try {
    await writeNew(temporary, text);
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw folderError(file, cause);
  }
}

/**
 * Runs `work` while no other process runs its own for the same file, so that two that change it do not lose a change.
 * Makes the folder. Rejects with FOLDER when the folder cannot be written, and with whatever `work` does.
 */
export async function withFileLock<Result>(file: string, work: () => Promise<Result>): Promise<Result> {
  makeFolder(path.dirname(file));
  const lock = `${file}.lock`;
  while (!(await tryLock(file, lock))) await delay(lockRetryMs);
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function readChecked(file: string): Promise<PrivateFile> {
  const handle = await open(file, "r");
  return closing(handle, async () => {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw new PunchError("KEY_FILE", `${file} is not a file. Move it away, and start again.`);
    refuseOpenMode(file, Number(stats.mode & 0o777n));
    return { text: await handle.readFile("utf8"), stamp: stampOf(stats) };
  });
}

function refuseOpenMode(file: string, mode: number): void {
  // Windows keeps no such bits: there the user's own folder is closed to others.
  if (process.platform === "win32" || (mode & 0o077) === 0) return;
  const message = `The file ${file} holds a secret, but others than its owner may use it (mode ${mode.toString(8)}).`;
  throw new PunchError("KEY_FILE", `${message} Run: chmod 600 '${file}'`);
}

function stampOf(stats: { readonly ino: bigint; readonly mtimeNs: bigint; readonly size: bigint }): string {
  return `${stats.ino}/${stats.mtimeNs}/${stats.size}`;
}

async function writeNew(file: string, text: string): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  await closing(handle, async () => {
    await handle.writeFile(text);
    await handle.sync();
  });
}

async function closing<Result>(handle: FileHandle, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } finally {
    await handle.close();
  }
}

/** False while another process holds it. A lock that was left behind is removed. */
async function tryLock(file: string, lock: string): Promise<boolean> {
  try {
    const handle = await open(lock, "wx", 0o600);
    await handle.close();
    return true;
  } catch (cause) {
    if (systemErrorCode(cause) !== "EEXIST") throw folderError(file, cause);
  }
  const takenAtMs = await stat(lock).then(
    (stats) => stats.mtimeMs,
    () => Infinity,
  );
  if (Date.now() - takenAtMs > lockStaleMs) await rm(lock, { force: true });
  return false;
}

function isMissing(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

function folderError(file: string, cause: unknown): PunchError {
  const folder = path.dirname(file);
  const message = `The folder ${folder} cannot be written: ${systemErrorWords(cause)}. Name another one with FRACTAL_PUNCH_FOLDER.`;
  return new PunchError("FOLDER", message, cause);
}
