import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

for (const args of [
  ["--seeds", "abc"],
  ["--seeds", "5-1"],
  ["--seeds", "1-"],
  ["--seeds", "-5"],
  ["--seeds", "7"],
  ["--seeds", "1-99999999999999999999"],
  ["--seeds", "1.5-2"],
  ["--seed", "abc"],
  ["--seed", "1-2"],
  ["--seed", "99999999999999999999"],
  ["--seed=-1"],
  ["--seed", ""],
  ["--seed", "1", "--seeds", "1-2"],
  ["--seeds", "1-2", "--log"],
  ["--sessions", "0"],
  ["--sessions", "many"],
  ["--sedes", "1"],
  ["7"],
])
  test(`\`${args.join(" ")}\` is refused with a sentence and the usage`, async () => {
    const { code, out, error } = await run(args);
    assert.equal(code, 2);
    assert.equal(out, "");
    assert.match(error, /^[A-Z].*\n(.*\n)*usage: npm run sim -- --seeds 1-1000/);
  });

test("seeds are run, and counted", async () => {
  const { code, out } = await run(["--seeds", "1-3"]);
  assert.equal(code, 0);
  assert.match(out, /^3 passed, 0 failed; [0-9]+ worlds a second\n$/);
});

test("--log prints the world and each of its datagrams, the same each time", async () => {
  const [first, again] = await Promise.all([run(["--seed", "7", "--log"]), run(["--seed", "7", "--log"])]);
  assert.match(first.out, /^client 0: .*; host: .*; server: .*\n(.* bytes 0x.*\n){50,}1 passed/);
  assert.equal(withoutSpeed(first.out), withoutSpeed(again.out));
});

function withoutSpeed(out: string): string {
  return out.replace(/[0-9]+ worlds a second/, "");
}

function run(args: readonly string[]): Promise<{ code: number; out: string; error: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args], (_, out, error) => {
      resolve({ code: child.exitCode ?? -1, out, error });
    });
  });
}
