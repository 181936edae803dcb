/** What a server leaves in its state folder so that programs on the same machine find it. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { folderError } from "./state-folder.ts";

export interface ServerFile {
  /** Names or addresses that go into invites, the best first; empty while none is known. */
  readonly publicNames: readonly string[];
  /** Addresses with ports that the server's main port is bound to, as text. */
  readonly listening: readonly string[];
  /** Where it takes TLS; absent where it does not. */
  readonly tlsPort?: number;
}

/** Replaces the file at once, so that nobody reads half of it. Rejects with STATE_FOLDER. */
export async function writeServerFile(folder: string, content: ServerFile): Promise<void> {
  const path = filePath(folder);
  try {
    await writeFile(`${path}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
    await rename(`${path}.new`, path);
  } catch (error) {
    throw folderError("written", folder, error);
  }
}

/** `undefined` when no server has run with this folder, or the file is damaged. */
export async function readServerFile(folder: string): Promise<ServerFile | undefined> {
  try {
    const content: unknown = JSON.parse(await readFile(filePath(folder), "utf8"));
    return isServerFile(content) ? content : undefined;
  } catch {
    // Absent, unreadable or no JSON: the same to somebody who looks for a server.
    return undefined;
  }
}

function isServerFile(content: unknown): content is ServerFile {
  if (typeof content !== "object" || content === null) return false;
  if (!("publicNames" in content) || !("listening" in content)) return false;
  if ("tlsPort" in content && typeof content.tlsPort !== "number") return false;
  return isTexts(content.publicNames) && isTexts(content.listening);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function filePath(folder: string): string {
  return join(folder, "server.json");
}
