/**
 * Revocations on disk: one line each, the ticket's expiry in seconds since 1970 and the hash of its username. Lines are
 * only ever added, so any number of processes may add while a server reads.
 */
import { unwatchFile, watchFile } from "node:fs";
import { appendFile, open } from "node:fs/promises";
import { join } from "node:path";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { ticketScope } from "@fractal-punch/wire";
import { revocationHash } from "./core/index.ts";
import { ServerError, systemCode } from "./server-error.ts";
import { folderError, readSecret } from "./state-folder.ts";

export interface Revocation {
  readonly usernameHash: string;
  readonly expirySeconds: number;
}

/** A running server acts on a revocation within a second. */
const pollMs = 400;
const lineForm = /^([0-9]{1,12}) ([A-Za-z0-9_-]{43})$/;

/** Revokes a ticket, and all that are derived from it, on the server that uses this folder. Rejects as `readSecret`, or OPTION. */
export async function revokeTicket(folder: string, username: string): Promise<void> {
  const scope = ticketScope(username);
  if (scope === undefined) {
    throw new ServerError("OPTION", `"${username}" is no ticket's username: give what stands before the last colon.`);
  }
  const usernameHash = revocationHash(nodePrimitives, await readSecret(folder), username);
  try {
    await appendFile(filePath(folder), `${scope.expirySeconds} ${usernameHash}\n`, { mode: 0o600 });
  } catch (error) {
    throw folderError("written", folder, error);
  }
}

/** Reads a folder's revocations as they are added. */
export class RevocationReader {
  readonly #folder: string;
  readonly #path: string;
  #readBytes = 0;
  #reading: Promise<void> = Promise.resolve();
  #listener: (() => void) | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.#path = filePath(folder);
  }

  /** Those added since the last call; lines that are none are left out. Rejects with STATE_FOLDER. */
  async read(): Promise<Revocation[]> {
    const text = await this.#readNew().catch((error: unknown) => {
      throw folderError("read", this.#folder, error);
    });
    const found: Revocation[] = [];
    for (const line of text.split("\n")) {
      const match = lineForm.exec(line);
      if (match?.[1] !== undefined && match[2] !== undefined) {
        found.push({ expirySeconds: Number(match[1]), usernameHash: match[2] });
      }
    }
    return found;
  }

  /** Calls for those that are added from now on, and for each fault in reading, until `close`. */
  watch(onRevocations: (revocations: readonly Revocation[]) => void, onFault: (error: unknown) => void): void {
    const readAll = async (): Promise<void> => {
      try {
        onRevocations(await this.read());
      } catch (error) {
        onFault(error);
      }
    };
    this.#listener = () => {
      this.#reading = this.#reading.then(readAll);
    };
    watchFile(this.#path, { interval: pollMs }, this.#listener);
    // What was added before the first look at the file is no change to it.
    this.#listener();
  }

  async close(): Promise<void> {
    if (this.#listener !== undefined) unwatchFile(this.#path, this.#listener);
    await this.#reading;
  }

  /** The whole lines behind what was read before; all of them when the file is shorter than it was. */
  async #readNew(): Promise<string> {
    const file = await open(this.#path, "r").catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    });
    if (file === undefined) return "";
    try {
      const { size } = await file.stat();
      if (size < this.#readBytes) this.#readBytes = 0;
      const bytes = Buffer.alloc(size - this.#readBytes);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, this.#readBytes);
      const end = bytes.subarray(0, bytesRead).lastIndexOf("\n") + 1;
      this.#readBytes += end;
      return bytes.toString("latin1", 0, end);
    } finally {
      await file.close();
    }
  }
}

function filePath(folder: string): string {
  return join(folder, "revocations");
}
