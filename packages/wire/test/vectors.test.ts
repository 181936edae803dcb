import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Vector, vectorFiles, vectorPage, vectorsOf } from "./vector.ts";
import { messageCodecs } from "./vector-messages.ts";
import { sessionCodecs } from "./vector-sessions.ts";

const codecs = { ...messageCodecs, ...sessionCodecs };
const page = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");

for (const file of vectorFiles())
  for (const vector of vectorsOf(file)) {
    test(`${file}, ${vector.name}: its fields give its bytes, and its bytes its fields`, () => {
      const codec = codecs[vector.kind];
      assert.ok(codec, `no codec of kind ${vector.kind}`);
      assert.deepEqual(codec.build(vector.fields), vector.bytes);
      assertRead(vector, codec.read(vector.bytes, vector.fields), codec.keys);
    });

    test(`${file}, ${vector.name}: docs/protocol.md shows it`, () => {
      const shown = vectorPage(vector);
      assert.ok(page.includes(`\n${shown}\n`), `section 11 of docs/protocol.md must say:\n${shown}`);
    });
  }

test("each vector has a name of its own, and each codec a vector", () => {
  const vectors = vectorFiles().flatMap(vectorsOf);
  assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length);
  assert.deepEqual([...new Set(vectors.map(({ kind }) => kind))].toSorted(), Object.keys(codecs).toSorted());
});

/** Every field is either a key or read from the bytes, and nothing else is read. */
function assertRead(vector: Vector, read: Readonly<Record<string, unknown>>, keys: readonly string[]): void {
  const inBytes = Object.entries(vector.fields.values).filter(([name]) => !keys.includes("*") && !keys.includes(name));
  const found = Object.entries(read).filter(([, value]) => value !== undefined);
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(inBytes));
}
