import assert from "node:assert/strict";
import { test } from "node:test";

test("the peer room loads by its package name", async () => {
  assert.ok(await import("@fractal-punch/peer"));
});
