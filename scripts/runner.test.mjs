// The runner must see every way in which a test file can end badly.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runTestFile } from "./test-run.mjs";

const begin = `import assert from "node:assert/strict"; import { before, describe, test } from "node:test";`;

test("passed and skipped tests are counted, a skipped one with its reason", async () => {
  const results = await run(`test("a", () => {}); test("b", { skip: "no root" }, () => {});`);
  assert.deepEqual(results, [
    { outcome: "passed", title: "a" },
    { outcome: "skipped", title: "b", detail: "no root" },
  ]);
});

test("a failed test is counted once, with the names around it and its error", async () => {
  const results = await run(`describe("suite", () => { test("a", () => assert.equal(1, 2)); });`);
  assert.deepEqual(summary(results), ["failed suite > a"]);
  assert.match(results[0].detail, /1 !== 2/);
});

test("a failed hook of a suite is a failure", async () => {
  const results = await run(
    `describe("suite", () => { before(() => { throw new Error("no"); }); test("a", () => {}); });`,
  );
  assert.ok(summary(results).includes("failed suite"));
});

const wholeFile = "failed the file as a whole";
const badEnds = [
  { name: "a file that throws when loaded", code: `throw new Error("crash");`, expected: [wholeFile] },
  { name: "a file without a test", code: "", expected: [wholeFile] },
  {
    name: "a file that leaves before its tests are reported",
    code: `test("a", () => {}); process.exit(0);`,
    expected: [wholeFile],
  },
  {
    name: "an exit code after good tests",
    code: `test("a", () => {}); process.on("exit", () => { process.exitCode = 3; });`,
    expected: ["passed a", wholeFile],
  },
  {
    name: "a rejection after the last test",
    code: `test("a", () => { setTimeout(() => Promise.reject(new Error("late")), 20); });`,
    expected: ["passed a", wholeFile],
  },
  {
    name: "a process that does not end",
    code: `test("a", () => {}); setInterval(() => {}, 1000);`,
    expected: ["passed a", wholeFile],
  },
];
for (const { name, code, expected } of badEnds) {
  test(`${name} is a failure`, async () => {
    assert.deepEqual(summary(await run(code)), expected);
  });
}

test("a process that a test leaves behind does not hold up the run", async () => {
  const results = await run(`
    import { spawn } from "node:child_process";
    test("a", () => spawn("sleep", ["5"], { detached: true, stdio: ["ignore", "inherit", "inherit"] }).unref());
  `);
  assert.deepEqual(summary(results), ["passed a"]);
});

test("a test file that was not built is a failure", async () => {
  const results = await runTestFile({ path: join(tmpdir(), "no-such-file.js"), cwd: tmpdir(), limitMs: 1000 });
  assert.deepEqual(summary(results), [wholeFile]);
});

async function run(code) {
  const folder = mkdtempSync(join(tmpdir(), "fractal-punch-runner-"));
  const path = join(folder, "a.test.mjs");
  writeFileSync(path, `${begin}\n${code}\n`);
  const results = await runTestFile({ path, cwd: folder, limitMs: 2000 });
  rmSync(folder, { recursive: true });
  return results;
}

function summary(results) {
  return results.map(({ outcome, title }) => `${outcome} ${title}`);
}
