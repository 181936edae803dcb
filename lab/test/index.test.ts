import assert from "node:assert/strict";
import { access } from "node:fs/promises";
import { test } from "node:test";

test("the command is built", async () => {
  assert.equal(await access(new URL("../../packages/cli/dist/main.js", import.meta.url)), undefined);
});
