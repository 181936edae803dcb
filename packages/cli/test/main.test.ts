import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const command = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("--version prints the version", () => {
  const { status, stdout } = spawnSync(process.execPath, [command, "--version"], { encoding: "utf8" });
  assert.equal(status, 0);
  assert.equal(stdout, "0.1.0\n");
});
