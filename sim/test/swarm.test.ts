import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runSeed } from "@fractal-punch/sim";

const kept = keptSeeds();

test("in random worlds sessions work, ends agree, promised paths are found, and nothing is left behind", () => {
  for (let seed = 1; seed <= 1000; seed++) runs(seed);
});

for (const { seed, reason } of kept) test(`seed ${seed}, kept because ${reason}`, () => runs(seed));

test("a seed stands for the same world each time, datagram for datagram", () => {
  for (const seed of [3, 14, 1592]) assert.deepEqual(runSeed(seed, true), runSeed(seed, true));
});

function runs(seed: number): void {
  const { fault, world } = runSeed(seed);
  assert.equal(fault, undefined, `seed ${seed}: ${fault} (${world})`);
}

function keptSeeds(): { seed: number; reason: string }[] {
  const lines = readFileSync(new URL("../seeds.txt", import.meta.url), "utf8").split("\n");
  return lines.flatMap((line) => {
    const match = /^([0-9]+) (.+)$/.exec(line);
    assert.ok(
      match !== null || line === "" || line.startsWith("#"),
      `sim/seeds.txt has a line that is no seed: ${line}`,
    );
    return match === null ? [] : [{ seed: Number(match[1]), reason: match[2] ?? "" }];
  });
}
