/**
 * A map of numbers by addresses, in rows. Its hash has a seed, which that of numbers in a `Map` has not: whoever sends in
 * others' names could choose 5-tuples of which all meet in one place, and each look there would walk past all of them.
 */
import type { AddressKey } from "@fractal-punch/machine";
import type { HalfSipHash } from "./half-sip-hash.ts";
import { RowTable } from "./row-table.ts";

// The length of a text, or 0 for a number, so that these differ; then up to 20 characters, or the number's two halves.
const keyWords = 6;
const valueAt: number = keyWords;
const rowWords: number = keyWords + 2;

export class AddressTable {
  readonly #table: RowTable;
  readonly #key = new Uint32Array(keyWords);

  constructor(hash: HalfSipHash) {
    this.#table = new RowTable(hash, keyWords, rowWords);
  }

  get size(): number {
    return this.#table.size;
  }

  get(key: AddressKey): number | undefined {
    const row = this.#find(key);
    return row === 0 ? undefined : this.#table.rows.double(row, valueAt);
  }

  set(key: AddressKey, value: number): void {
    const row = this.#find(key);
    this.#table.rows.setDouble(row === 0 ? this.#table.add(this.#key) : row, valueAt, value);
  }

  delete(key: AddressKey): void {
    const row = this.#find(key);
    if (row !== 0) this.#table.remove(row);
  }

  #find(key: AddressKey): number {
    writeKey(this.#key, key);
    return this.#table.find(this.#key);
  }
}

function writeKey(words: Uint32Array, key: AddressKey): void {
  words.fill(0);
  if (typeof key === "number") {
    words[1] = Math.floor(key / 0x1_0000_0000);
    words[2] = key;
    return;
  }
  words[0] = key.length;
  for (let i = 0; i < key.length; i++) {
    const at = 1 + (i >> 2);
    words[at] = ((words[at] ?? 0) << 8) | key.charCodeAt(i);
  }
}
