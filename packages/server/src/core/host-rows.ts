/**
 * What the server keeps of each registered host, as a row. Of a million most are idle: what a host is while something
 * happens with it is an object (`registrations.ts`), made when it is asked for.
 */
import type { HalfSipHash } from "./half-sip-hash.ts";
import { Legs, legWords } from "./legs.ts";
import { RowTable } from "./row-table.ts";
import { Rows } from "./rows.ts";

// The host's public key, its instance, its registration key, its holder, the row of those that it replaced, its two legs.
const keyWords = 8;
const instanceAt = 8;
const registrationKeyAt = 10;
const holderAt = 18;
const replacedAt = 19;
const legsAt = 20;
const rowWords: number = legsAt + 2 * legWords;

const keyBytes = 32;
const instanceBytes = 8;

export class HostRows {
  readonly legs: Legs;
  readonly #table: RowTable;
  /** Of each host that has replaced instances: how many, then these, the latest first. */
  readonly #replaced: Rows;
  readonly #maxReplaced: number;
  readonly #key = new Uint32Array(keyWords);
  readonly #keyView = new Uint8Array(this.#key.buffer);

  constructor(hash: HalfSipHash, maxReplaced: number) {
    this.#table = new RowTable(hash, keyWords, rowWords);
    this.legs = new Legs(this.#table.rows, legsAt);
    this.#replaced = new Rows(2 + 2 * maxReplaced);
    this.#maxReplaced = maxReplaced;
  }

  get size(): number {
    return this.#table.size;
  }

  /** No row has a higher number. */
  get lastRow(): number {
    return this.#table.rows.lastRow;
  }

  /** By its public key; 0 when there is none. */
  find(host: Uint8Array): number {
    this.#keyView.set(host);
    return this.#table.find(this.#key);
  }

  add(host: Uint8Array, instance: Uint8Array, registrationKey: Uint8Array, holder: number): number {
    this.#keyView.set(host);
    const row = this.#table.add(this.#key);
    const { rows } = this.#table;
    rows.bytes(row, instanceAt, instanceBytes).set(instance);
    rows.bytes(row, registrationKeyAt, keyBytes).set(registrationKey);
    rows.setWord(row, holderAt, holder);
    return row;
  }

  remove(row: number): void {
    const replaced = this.#table.rows.word(row, replacedAt);
    if (replaced !== 0) this.#replaced.free(replaced);
    this.#table.remove(row);
  }

  /** The public key: a view. */
  host(row: number): Uint8Array {
    return this.#table.rows.bytes(row, 0, keyBytes);
  }

  /** A view. */
  instance(row: number): Uint8Array {
    return this.#table.rows.bytes(row, instanceAt, instanceBytes);
  }

  /** A view. */
  registrationKey(row: number): Uint8Array {
    return this.#table.rows.bytes(row, registrationKeyAt, keyBytes);
  }

  /** The number of whose ticket it is under; 0 for a row that is not in use. */
  holder(row: number): number {
    return this.#table.rows.word(row, holderAt);
  }

  setHolder(row: number, holder: number): void {
    this.#table.rows.setWord(row, holderAt, holder);
  }

  /** Instances that came before, the latest first: views. */
  replaced(row: number): Uint8Array[] {
    const replaced = this.#table.rows.word(row, replacedAt);
    const count = replaced === 0 ? 0 : this.#replaced.word(replaced, 0);
    return Array.from({ length: count }, (_, index) => this.#replaced.bytes(replaced, 2 + 2 * index, instanceBytes));
  }

  /** Once for each row. Keeps as many as are to be remembered. */
  setReplaced(row: number, instances: readonly Uint8Array[]): void {
    const kept = instances.slice(0, this.#maxReplaced);
    if (kept.length === 0) return;
    const replaced = this.#replaced.take();
    this.#table.rows.setWord(row, replacedAt, replaced);
    this.#replaced.setWord(replaced, 0, kept.length);
    for (const [index, instance] of kept.entries())
      this.#replaced.bytes(replaced, 2 + 2 * index, instanceBytes).set(instance);
  }
}
