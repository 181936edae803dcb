import assert from "node:assert/strict";
import { test } from "node:test";
import { runSeed } from "@fractal-punch/sim";

test("in random worlds sessions work, ends agree, and direct paths are found where they are promised", () => {
  for (let seed = 1; seed <= 150; seed++) assert.equal(runSeed(seed), undefined, `seed ${seed}`);
});
