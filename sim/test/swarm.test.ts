import assert from "node:assert/strict";
import { test } from "node:test";
import { runSeed } from "@fractal-punch/sim";

test("in random worlds sessions work, ends agree, and direct paths are found where they are promised", () => {
  for (let seed = 1; seed <= 1000; seed++) assert.equal(runSeed(seed).fault, undefined, `seed ${seed}`);
});
