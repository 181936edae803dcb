/**
 * Records of introductions (docs/protocol.md section 5): they make a repeated Connect find its channels again, and a
 * replayed one nothing. They live equally long, and are rows in the order in which they were made.
 */
import type { Address, PortId } from "@fractal-punch/machine";
import type { HalfSipHash } from "./half-sip-hash.ts";
import type { Limits } from "./limits.ts";
import { RowTable } from "./row-table.ts";
import type { ClientTicket } from "./tickets.ts";
import { tupleWords, writeTuple } from "./tuple-words.ts";

/** The row of a record; 0 is none. */
export type Introduction = number;

// The transaction id and the ticket's password, which no other ticket has; when it ends; the record that was made next;
// for each family the 5-tuple of the client and its channel's number there, 0 while there is none.
const transactionIdBytes = 12;
const passwordBytes = 44;
const keyBytes: number = transactionIdBytes + passwordBytes;
const endsAtAt: number = keyBytes / 4;
const newerAt: number = endsAtAt + 2;
const legsAt: number = newerAt + 1;
const legWords: number = tupleWords + 1;
const rowWords: number = legsAt + 2 * legWords;

/** So many end in one call at most. */
const endsAtOnce = 1_000;

export class Introductions {
  readonly #limits: Limits;
  readonly #table: RowTable;
  readonly #key = new Uint32Array(keyBytes / 4);
  readonly #keyView = new Uint8Array(this.#key.buffer);
  readonly #tuple = new Uint32Array(tupleWords);
  #oldest: Introduction = 0;
  #newest: Introduction = 0;

  constructor(limits: Limits, hash: HalfSipHash) {
    this.#limits = limits;
    this.#table = new RowTable(hash, keyBytes / 4, rowWords);
  }

  get size(): number {
    return this.#table.size;
  }

  get isFull(): boolean {
    return this.size >= this.#limits.introductions;
  }

  /** When the first of them ends; `Infinity` when there is none. */
  get nextEnd(): number {
    return this.#oldest === 0 ? Infinity : this.#table.rows.double(this.#oldest, endsAtAt);
  }

  find(ticket: ClientTicket, transactionId: Uint8Array): Introduction {
    this.#writeKey(ticket, transactionId);
    return this.#table.find(this.#key);
  }

  /** One that is not there yet. */
  add(now: number, ticket: ClientTicket, transactionId: Uint8Array): Introduction {
    this.#writeKey(ticket, transactionId);
    const { rows } = this.#table;
    const made = this.#table.add(this.#key);
    rows.setDouble(made, endsAtAt, now + this.#limits.introductionLifeMs);
    if (this.#newest === 0) this.#oldest = made;
    else rows.setWord(this.#newest, newerAt, made);
    this.#newest = made;
    return made;
  }

  wake(now: number): void {
    for (let turns = endsAtOnce; turns > 0 && this.nextEnd <= now; turns--) {
      const oldest = this.#oldest;
      this.#oldest = this.#table.rows.word(oldest, newerAt);
      if (this.#oldest === 0) this.#newest = 0;
      this.#table.remove(oldest);
    }
  }

  /** The one 5-tuple of the address's family that it is for from now on, and the client's channel there. */
  place(introduction: Introduction, port: PortId, from: Address, channel: number): void {
    const { rows } = this.#table;
    const at = legAt(from.family);
    writeTuple(this.#tuple, port, from);
    for (let i = 0; i < tupleWords; i++) rows.setWord(introduction, at + i, this.#tuple[i] ?? 0);
    rows.setWord(introduction, at + tupleWords, channel);
  }

  /** The number of the client's channel, which may have ended; 0 when it was not placed in that family. */
  channel(introduction: Introduction, family: 4 | 6): number {
    return introduction === 0 ? 0 : this.#table.rows.word(introduction, legAt(family) + tupleWords);
  }

  /** Whether it is for that 5-tuple. */
  isFor(introduction: Introduction, port: PortId, from: Address): boolean {
    writeTuple(this.#tuple, port, from);
    return this.#table.rows.holds(introduction, legAt(from.family), this.#tuple);
  }

  #writeKey({ password }: ClientTicket, transactionId: Uint8Array): void {
    this.#keyView.set(transactionId);
    for (let i = 0; i < password.length; i++) this.#keyView[transactionIdBytes + i] = password.charCodeAt(i);
  }
}

function legAt(family: 4 | 6): number {
  return family === 4 ? legsAt : legsAt + legWords;
}
