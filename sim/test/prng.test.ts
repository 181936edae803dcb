import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "@fractal-punch/sim";

test("one seed and name give one stream; another seed, its high bits too, or another name gives another", () => {
  const stream = (seed: number, name: string): string => Array.from(draw(new Prng(seed, name), 4)).join();
  assert.equal(stream(5, "a"), stream(5, "a"));
  const streams = [
    stream(5, "a"),
    stream(6, "a"),
    stream(5, "b"),
    stream(5 + 2 ** 40, "a"),
    stream(-5, "a"),
    stream(5, ""),
  ];
  assert.equal(new Set(streams).size, streams.length);
});

test("a named stream does not depend on what was drawn before it was asked for", () => {
  const parent = new Prng(9);
  const early = draw(parent.named("child"), 4);
  draw(parent, 100);
  assert.deepEqual(draw(parent.named("child"), 4), early);
});

test("all bits and all bytes are as often 1 as 0, for neighbouring seeds too", () => {
  const ones = Array.from({ length: 32 }, () => 0);
  for (let seed = 0; seed < 4096; seed++) {
    const word = new Prng(seed).u32();
    for (let bit = 0; bit < 32; bit++) ones[bit] = (ones[bit] ?? 0) + ((word >>> bit) & 1);
  }
  assert.ok(
    ones.every((count) => count > 1850 && count < 2250),
    ones.join(),
  );
  const bytes = new Uint8Array(65_537);
  new Prng(1).fill(bytes);
  const counts = Array.from({ length: 256 }, () => 0);
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1;
  assert.ok(
    counts.every((count) => count > 180 && count < 340),
    counts.join(),
  );
});

test("numbers below a limit are whole, within it, and reach both ends", () => {
  const prng = new Prng(1);
  const seen = new Set(Array.from({ length: 200 }, () => prng.below(7)));
  assert.deepEqual(
    [...seen].toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6],
  );
});

test("it is xoshiro128**: from the state 1, 2, 3, 4 its reference gives 11520, 0, 5927040, 70819200", () => {
  assert.deepEqual(draw(Prng.fromState(1, 2, 3, 4), 4), [11_520, 0, 5_927_040, 70_819_200]);
});

function draw(prng: Prng, count: number): number[] {
  return Array.from({ length: count }, () => prng.u32());
}
