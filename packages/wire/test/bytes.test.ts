import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteReader, ByteWriter, concatBytes } from "@fractal-punch/wire";
import fc from "fast-check";
import { bytesUpTo, u32, u64 } from "./arbitraries.ts";

type Part =
  | { readonly kind: "u8" | "u16" | "u32" | "u64"; readonly value: number }
  | { readonly kind: "raw"; readonly value: Uint8Array };

test("whatever is written front to back is read front to back", () => {
  fc.assert(
    fc.property(fc.array(part(), { maxLength: 150, size: "max" }), (parts) => {
      const writer = new ByteWriter();
      for (const drawn of parts) write(writer, drawn);
      const reader = new ByteReader(writer.done());
      for (const drawn of parts) assert.deepEqual(read(reader, drawn), drawn.value);
      assert.deepEqual([reader.failed, reader.remaining], [false, 0]);
    }),
  );
});

test("a number survives at every offset, also where the writer's array grows", () => {
  for (let before = 0; before < 1100; before++) {
    const writer = new ByteWriter().zeros(before);
    const bytes = writer.u8(0xaa).u16(0xbbcc).u32(0xddee_ff01).done();
    assert.deepEqual(bytes.subarray(before), Uint8Array.of(0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01), `${before}`);
  }
});

test("past its end a reader gives zeros and nothing, fails, and stays failed", () => {
  const reader = new ByteReader(Uint8Array.of(1, 2, 3));
  assert.equal(reader.u16(), 0x0102);
  assert.equal(reader.u16(), 0);
  assert.equal(reader.failed, true);
  assert.deepEqual(
    [reader.u8(), reader.u32(), reader.u64(), reader.take(1).length, reader.rest().length],
    [0, 0, 0, 0, 0],
  );
  assert.equal(reader.failed, true);
});

test("what a writer has given out stays as it was", () => {
  const writer = new ByteWriter().u8(1);
  const first = writer.done();
  writer.u8(2);
  assert.deepEqual([first, writer.done()], [Uint8Array.of(1), Uint8Array.of(1, 2)]);
});

test("concatBytes joins its parts in order", () => {
  assert.deepEqual(concatBytes(), new Uint8Array(0));
  assert.deepEqual(concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)), Uint8Array.of(1, 2, 3));
});

function part(): fc.Arbitrary<Part> {
  return fc.oneof(
    fc.nat(0xff).map((value) => ({ kind: "u8" as const, value })),
    fc.nat(0xffff).map((value) => ({ kind: "u16" as const, value })),
    u32.map((value) => ({ kind: "u32" as const, value })),
    u64.map((value) => ({ kind: "u64" as const, value })),
    bytesUpTo(40).map((value) => ({ kind: "raw" as const, value })),
  );
}

function write(writer: ByteWriter, { kind, value }: Part): void {
  if (kind === "raw") writer.raw(value);
  else writer[kind](value);
}

function read(reader: ByteReader, { kind, value }: Part): number | Uint8Array {
  return kind === "raw" ? reader.take(value.length) : reader[kind]();
}
