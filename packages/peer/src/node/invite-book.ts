/** A host's invites: the standing one and those added to it, shared by the running host and the commands that change them. */
import { EventEmitter } from "node:events";
import path from "node:path";
import { addressText, assert, randomBytes } from "@fractal-punch/machine";
import { epochNow, nodePrimitives, systemRandom } from "@fractal-punch/udp/primitives";
import {
  clientUsername,
  hostIdText,
  type InviteServer,
  inviteText,
  type Ticket,
  type TlsEntrance,
  ticketPassword,
  ticketScope,
} from "@fractal-punch/wire";
import { PunchError } from "../errors.ts";
import { type InviteEntry, inviteFileText, inviteIdText, readInviteFile } from "./invite-file.ts";
import { fileStamp, withFileLock, writePrivateFile } from "./private-file.ts";

const fileName = "invites.json";
const maxInvites = 1_000;
const maxNameLength = 64;
/** A running host is to know within a second. Looking works on every file system; being notified does not. */
const pollEveryMs = 500;

export interface NewInvite {
  /** Whole seconds; without it the invite lives as long as the host's ticket. */
  readonly ttlSeconds?: number;
  /** For people, and to revoke it by. */
  readonly name?: string;
}

/** What an invite says besides the entry itself. */
export interface InviteReach {
  readonly servers: readonly InviteServer[];
  readonly tls?: TlsEntrance;
  /** The host's public key. */
  readonly hostKey: Uint8Array;
  /** The host's own ticket, from which the client's is minted. */
  readonly ticket: Ticket;
}

/**
 * The file `invites.json` in a folder. Emits `change` when the invites are not what they were, whoever changed them, and
 * `fault` when the file was damaged or closed to us while it was watched: the invites last read stay in force.
 * Watching does not keep the process running.
 */
export class InviteBook extends EventEmitter<{ change: []; fault: [error: PunchError] }> {
  readonly #file: string;
  readonly #timer: NodeJS.Timeout;
  #entries: readonly InviteEntry[] = [];
  #stamp: string | undefined;
  #polling = false;

  /** Reads the invites; makes the file, with a standing invite, where there is none. Rejects with KEY_FILE or FOLDER. */
  static async open(folder: string): Promise<InviteBook> {
    const book = new InviteBook(path.join(folder, fileName));
    try {
      await book.#reload();
      if (!book.#entries.some(isStanding)) await book.#edit((entries) => entries);
    } catch (error) {
      book.close();
      throw error;
    }
    return book;
  }

  private constructor(file: string) {
    super();
    this.#file = file;
    this.#timer = setInterval(() => void this.#poll(), pollEveryMs).unref();
  }

  /** The invite that the host prints at each start. */
  get standing(): InviteEntry {
    const standing = this.#entries.find(isStanding);
    assert(standing !== undefined, "a book of invites has a standing one");
    return standing;
  }

  /** All of them, the revoked and the expired too, oldest first. */
  list(): readonly InviteEntry[] {
    return this.#entries;
  }

  /** Adds an invite. Rejects with USAGE for a bad life or name, or when there are 1,000 live ones. */
  async add(wanted: NewInvite = {}): Promise<InviteEntry> {
    const entry = newEntry(wanted);
    await this.#edit((entries) => {
      const kept = withRoom(entries);
      if (kept.some((other) => other.name !== undefined && other.name === entry.name && isLive(other))) {
        throw new PunchError(
          "USAGE",
          `There is an invite named "${entry.name}" already. Revoke it, or take another name.`,
        );
      }
      return [...kept, entry];
    });
    return entry;
  }

  /** Revokes by id or name; a standing invite is followed by a new one. Rejects with USAGE when there is none such. */
  async revoke(idOrName: string): Promise<InviteEntry> {
    let revoked: InviteEntry | undefined;
    await this.#edit((entries) => {
      const named = (entry: InviteEntry) => inviteIdText(entry.id) === idOrName || entry.name === idOrName;
      const found = entries.find((entry) => named(entry) && entry.revokedAtMs === undefined) ?? entries.findLast(named);
      if (found === undefined)
        throw new PunchError("USAGE", `There is no invite with the id or the name "${idOrName}".`);
      const ended = { ...found, revokedAtMs: found.revokedAtMs ?? epochNow() };
      revoked = ended;
      return entries.map((entry) => (entry === found ? ended : entry));
    });
    assert(revoked !== undefined, "the edit has run");
    return revoked;
  }

  /** Reads the file now, if it changed. */
  refresh(): Promise<void> {
    return this.#poll();
  }

  /** Stops watching. */
  close(): void {
    clearInterval(this.#timer);
    this.removeAllListeners();
  }

  async #edit(change: (entries: readonly InviteEntry[]) => readonly InviteEntry[]): Promise<void> {
    await withFileLock(this.#file, async () => {
      const { entries } = await readInviteFile(this.#file);
      const changed = change(entries);
      const standing = changed.some(isStanding) ? [] : [{ ...newEntry({}), standing: true }];
      await writePrivateFile(this.#file, inviteFileText([...changed, ...standing]));
      await this.#reload();
    });
  }

  async #reload(): Promise<void> {
    const { entries, stamp } = await readInviteFile(this.#file);
    if (stamp === this.#stamp) return;
    this.#entries = entries;
    this.#stamp = stamp;
    this.emit("change");
  }

  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    const stamp = await fileStamp(this.#file);
    try {
      if (stamp !== undefined && stamp !== this.#stamp) await this.#reload();
    } catch (error) {
      if (!(error instanceof PunchError)) throw error;
      this.#stamp = stamp;
      this.emit("fault", error);
    } finally {
      this.#polling = false;
    }
  }
}

/** Whether a client may still use it. */
export function isLive(entry: InviteEntry): boolean {
  return entry.revokedAtMs === undefined && (entry.expiresAtMs === undefined || entry.expiresAtMs > epochNow());
}

/**
 * The invite's text. Its ticket is minted from the host's and ends with the earlier of invite and host's ticket, so the
 * text is the same as long as servers, key, ticket and entry are. Throws TICKET_INVALID when the ticket is not a host's.
 */
export function inviteTextFor(entry: InviteEntry, { servers, tls, hostKey, ticket }: InviteReach): string {
  const scope = ticketScope(ticket.username);
  if (scope?.kind !== "host") throw new PunchError("TICKET_INVALID");
  const expirySeconds = Math.min(scope.expirySeconds, Math.floor((entry.expiresAtMs ?? Infinity) / 1000));
  const username = clientUsername(expirySeconds, hostIdText(hostKey), ticket.username);
  const password = ticketPassword(nodePrimitives, ticket.password, username);
  return inviteText({
    servers: servers.map(sorted),
    ...(tls && { tls }),
    hostKey,
    id: entry.id,
    secret: entry.secret,
    ticket: { username, password },
  });
}

/** Name servers give a name's addresses in changing order; the invite is to stay the same. */
function sorted(server: InviteServer): InviteServer {
  const lastKnown = server.lastKnown.toSorted((a, b) => (addressText(a) < addressText(b) ? -1 : 1));
  return { ...server, lastKnown };
}

function isStanding(entry: InviteEntry): boolean {
  return entry.standing && entry.revokedAtMs === undefined;
}

function newEntry({ ttlSeconds, name }: NewInvite): InviteEntry {
  const createdAtMs = epochNow();
  if (ttlSeconds !== undefined && !(Number.isSafeInteger(ttlSeconds) && ttlSeconds > 0 && ttlSeconds < 1e10)) {
    throw new PunchError(
      "USAGE",
      `An invite cannot live for ${ttlSeconds} seconds: it must be a whole number above 0.`,
    );
  }
  if (name !== undefined && !(/^[^\p{C}]+$/u.test(name) && name.length <= maxNameLength)) {
    throw new PunchError("USAGE", `An invite's name has 1 to ${maxNameLength} characters that can be printed.`);
  }
  return {
    id: randomBytes(systemRandom, 8),
    secret: randomBytes(systemRandom, 32),
    standing: false,
    ...(name !== undefined && { name }),
    createdAtMs,
    ...(ttlSeconds !== undefined && { expiresAtMs: createdAtMs + ttlSeconds * 1000 }),
  };
}

/** Forgets the oldest dead invite when the book is full. */
function withRoom(entries: readonly InviteEntry[]): readonly InviteEntry[] {
  if (entries.length < maxInvites) return entries;
  const oldest = entries.findIndex((entry) => !isLive(entry));
  if (oldest < 0) throw new PunchError("USAGE", `There are ${maxInvites} live invites already. Revoke some first.`);
  return entries.toSpliced(oldest, 1);
}
