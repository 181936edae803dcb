import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressTable, HalfSipHash, RowTable } from "@fractal-punch/server/core";
import { seededRandom } from "./test-server.ts";

const seed = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);

/** Made with the reference's steps, at one and three rounds, over the bytes 0, 1, 2 and so on. */
const vectors = [
  { words: 0, hash: 0x5814_c896 },
  { words: 1, hash: 0x7e05_9ea6 },
  { words: 6, hash: 0x5715_0ad7 },
  { words: 8, hash: 0xbc6d_da8d },
];

test("the hash is HalfSipHash-1-3", () => {
  const hash = new HalfSipHash(seed);
  for (const { words, hash: expected } of vectors) {
    const bytes = Uint8Array.from({ length: 4 * words }, (_, i) => i);
    assert.equal(hash.of(new Uint32Array(bytes.buffer)), expected, `${words} words`);
  }
});

test("keys that meet under one seed do not meet under another", () => {
  const one = new HalfSipHash(seed);
  const other = new HalfSipHash(seed.toReversed());
  const keys = Array.from({ length: 50_000 }, (_, i) => Uint32Array.of(i)).filter((key) => one.of(key) < 2 ** 22);
  assert(keys.length > 20);
  assert(keys.filter((key) => other.of(key) < 2 ** 22).length < 5);
});

test("a table finds what a map does, whatever is added and removed in whatever order", () => {
  const random = seededRandom(3);
  const table = new RowTable(new HalfSipHash(seed), 2, 4);
  const model = new Map<number, number>();
  for (let step = 0; step < 60_000; step++) {
    const [draw = 0, value = 0] = drawn(random);
    // Twice it grows, and shrinks again to next to nothing.
    const keys = step % 30_000 < 20_000 ? 4_096 : 64;
    const number = draw % keys;
    const key = Uint32Array.of(number, 7);
    const row = table.find(key);
    assert.equal(row !== 0, model.has(number));
    if (row === 0) {
      const added = table.add(key);
      assert.deepEqual([table.rows.word(added, 2), table.rows.word(added, 3)], [0, 0], "zeros behind the key");
      table.rows.setWord(added, 3, value);
      model.set(number, value);
    } else {
      assert.equal(table.rows.word(row, 3), model.get(number));
      if (step % 30_000 > 15_000 || value % 4 === 0) {
        table.remove(row);
        model.delete(number);
      }
    }
    assert.equal(table.size, model.size);
  }
  for (const [number, value] of model) assert.equal(table.rows.word(table.find(Uint32Array.of(number, 7)), 3), value);
  assert(table.rows.lastRow <= 4_096, "rows that were freed are used again");
});

function drawn(random: { fill(bytes: Uint8Array): void }): Uint32Array {
  const bytes = new Uint8Array(8);
  random.fill(bytes);
  return new Uint32Array(bytes.buffer);
}

test("a table of addresses tells numbers and texts of every length apart", () => {
  const table = new AddressTable(new HalfSipHash(seed));
  const keys = [0, 1, 2 ** 32, 2 ** 48 - 1, "\0", "\0\0", "\0\0\0\0\0\x01", "\0\0\0\0\0\x01\0", "a".repeat(18)];
  for (const [index, key] of keys.entries()) table.set(key, index + 0.5);
  assert.equal(table.size, keys.length);
  for (const [index, key] of keys.entries()) assert.equal(table.get(key), index + 0.5);
  for (const key of keys) table.delete(key);
  assert.deepEqual([table.size, table.get(0), table.get("\0")], [0, undefined, undefined]);
});
