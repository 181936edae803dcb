/**
 * Rows that are found by their first words: a hash table with open addressing (linear probing) in parts, each of which
 * grows alone. So growth never copies more than one part, and no row moves.
 */
import { assert } from "@fractal-punch/machine";
import type { HalfSipHash } from "./half-sip-hash.ts";
import { Rows } from "./rows.ts";

const partBits = 6;
const firstSlots = 8;

/** Two words for each slot: the hash of the row's key, and the row; 0 for none. */
interface Part {
  slots: Uint32Array;
  size: number;
}

export class RowTable {
  readonly rows: Rows;
  readonly #hash: HalfSipHash;
  readonly #keyWords: number;
  readonly #parts: (Part | undefined)[] = [];

  constructor(hash: HalfSipHash, keyWords: number, rowWords: number) {
    this.rows = new Rows(rowWords);
    this.#hash = hash;
    this.#keyWords = keyWords;
  }

  get size(): number {
    return this.rows.size;
  }

  /** 0 when there is none. */
  find(key: Uint32Array): number {
    const hash = this.#hash.of(key);
    const slots = this.#parts[hash >>> (32 - partBits)]?.slots;
    if (slots === undefined) return 0;
    const mask = slots.length / 2 - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[2 * slot + 1] ?? 0;
      if (row === 0 || (slots[2 * slot] === hash && this.rows.holds(row, 0, key))) return row;
    }
  }

  /** A row of zeros behind the key, which must not be there yet. */
  add(key: Uint32Array): number {
    const hash = this.#hash.of(key);
    const row = this.rows.take();
    for (let i = 0; i < this.#keyWords; i++) this.rows.setWord(row, i, key[i] ?? 0);
    const part = (this.#parts[hash >>> (32 - partBits)] ??= { slots: new Uint32Array(2 * firstSlots), size: 0 });
    // Up to three quarters full, a search takes two or three steps.
    if (8 * ++part.size > 3 * part.slots.length) grow(part);
    insert(part.slots, hash, row);
    return row;
  }

  remove(row: number): void {
    const key = new Uint32Array(this.#keyWords);
    for (let i = 0; i < this.#keyWords; i++) key[i] = this.rows.word(row, i);
    const hash = this.#hash.of(key);
    const part = this.#parts[hash >>> (32 - partBits)];
    assert(part !== undefined, "a row that is removed is in the table");
    part.size--;
    const mask = part.slots.length / 2 - 1;
    let slot = hash & mask;
    for (; part.slots[2 * slot + 1] !== row; slot = (slot + 1) & mask)
      assert(part.slots[2 * slot + 1] !== 0, "a row that is removed is in the table");
    closeUp(part.slots, slot);
    this.rows.free(row);
  }
}

function insert(slots: Uint32Array, hash: number, row: number): void {
  const mask = slots.length / 2 - 1;
  let slot = hash & mask;
  while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
  slots[2 * slot] = hash;
  slots[2 * slot + 1] = row;
}

function grow(part: Part): void {
  const { slots } = part;
  part.slots = new Uint32Array(2 * slots.length);
  for (let i = 0; i < slots.length; i += 2) {
    const row = slots[i + 1] ?? 0;
    if (row !== 0) insert(part.slots, slots[i] ?? 0, row);
  }
}

/** Empties the slot; those behind it that had to pass it on their way move up, so that no search ends too early. */
function closeUp(slots: Uint32Array, emptied: number): void {
  const mask = slots.length / 2 - 1;
  let hole = emptied;
  for (let slot = (hole + 1) & mask; slots[2 * slot + 1] !== 0; slot = (slot + 1) & mask) {
    const home = (slots[2 * slot] ?? 0) & mask;
    if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
    slots[2 * hole] = slots[2 * slot] ?? 0;
    slots[2 * hole + 1] = slots[2 * slot + 1] ?? 0;
    hole = slot;
  }
  slots[2 * hole] = 0;
  slots[2 * hole + 1] = 0;
}
