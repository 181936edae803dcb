// `npm test`: every check and every test, one sum at the end. Arguments filter by a part of the name: `npm test -- wire`.
import { join } from "node:path";
import { ensureInstalled, root, toolCommand } from "./ready.mjs";
import { deleteOrphans, listTests } from "./test-files.mjs";
import { runProcess, runTestFile, stopAll } from "./test-run.mjs";

const wholeRunLimitMs = 6 * 60_000;
const fileLimitMs = 120_000;
const labFileLimitMs = 300_000;
const parallelFiles = 2;
/** Of UDP; what depends on them is tested over each that this system has. */
const drivers = process.platform === "linux" ? ["batch", "dgram"] : ["dgram"];

const checks = [
  { name: "format", args: () => [toolCommand("@biomejs/biome", "biome"), "check", "--error-on-warnings"] },
  { name: "lint", args: () => [toolCommand("oxlint", "oxlint"), "--type-aware", "--deny-warnings"] },
  { name: "unused", args: () => [toolCommand("knip", "knip")] },
];
const typesCheck = { name: "types", args: () => [toolCommand("typescript", "tsc"), "-b"] };

const startedAt = performance.now();
const sum = { passed: 0, failed: 0, skipped: 0 };
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    stopAll();
    process.exit(1);
  });
}

await main(process.argv.slice(2));
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed === 0 ? 0 : 1;

async function main(args) {
  const filters = args.filter((arg) => arg !== "--without-lab");
  const isWanted = (name) => filters.length === 0 || filters.some((filter) => name.includes(filter));
  ensureInstalled();
  // The tests run what this check builds, so it comes first and is never left out.
  await runCheck(typesCheck);
  deleteOrphans();
  for (const check of checks.filter(({ name }) => isWanted(name))) await runCheck(check);

  const tests = listTests().filter(({ source, lab }) => isWanted(source) && !(lab && args.includes("--without-lab")));
  if (tests.length === 0) report("tests", [{ outcome: "failed", title: "the list of tests", detail: "it is empty" }]);
  await runTests(
    tests.filter(({ lab }) => !lab),
    parallelFiles,
  );
  // The lab measures real time: nothing else runs beside it.
  await runTests(
    tests.filter(({ lab }) => lab),
    1,
  );
}

async function runCheck({ name, args }) {
  const { code, output } = await runProcess(args(), { cwd: root, limitMs: remainingMs() });
  report("check", [{ outcome: code === 0 ? "passed" : "failed", title: name, detail: output }]);
}

async function runTests(tests, parallel) {
  const waiting = tests.flatMap((test) => (test.driven ? drivers.map((driver) => ({ ...test, driver })) : [test]));
  const worker = async () => {
    for (let test = waiting.shift(); test !== undefined; test = waiting.shift()) await runTest(test);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

async function runTest({ source, built, lab, driver }) {
  const limitMs = Math.min(lab ? labFileLimitMs : fileLimitMs, remainingMs());
  const env = driver === undefined ? {} : { FRACTAL_PUNCH_DRIVER: driver };
  const place = driver === undefined ? source : `${source} over ${driver}`;
  report(place, await runTestFile({ path: join(root, built), cwd: root, limitMs, env }));
}

function remainingMs() {
  return Math.max(1, wholeRunLimitMs - (performance.now() - startedAt));
}

function report(place, results) {
  for (const { outcome, title, detail } of results) {
    sum[outcome] += 1;
    if (outcome === "failed") console.log(`FAILED ${place}: ${title}\n${indent(detail)}\n`);
    if (outcome === "skipped") console.log(`skipped ${place}: ${title} (${detail})`);
  }
}

function indent(text) {
  return text.replace(/^/gm, "    ");
}
