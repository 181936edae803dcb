// `npm run sim:planted`: plants the faults of planted-faults.mjs, one at a time, in a copy of this workspace, and runs the
// swarm there until it finds them. Arguments filter by a part of the fault's name. Ends with 1 when one is not found.
import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { plantedFaults } from "./planted-faults.mjs";
import { build, ensureInstalled, root, toolCommand } from "./ready.mjs";

const seeds = 2000;
const limitMs = 120_000;

ensureInstalled();
build("sim");
const filters = process.argv.slice(2);
const wanted = plantedFaults.filter(({ name }) => filters.every((filter) => name.includes(filter)));
const copy = mkdtempSync(join(tmpdir(), "fractal-punch-planted-"));
process.on("exit", () => rmSync(copy, { recursive: true, force: true }));
copyWorkspace();
let missed = 0;
for (const fault of wanted) {
  const found = await plant(fault);
  if (found === undefined) missed++;
  console.log(`${fault.name.padEnd(72)} ${found ?? `NOT FOUND by seeds 1 to ${seeds}`}`);
}
console.log(`${wanted.length - missed} of ${wanted.length} faults found`);
if (missed > 0) process.exitCode = 1;

function copyWorkspace() {
  const left = new Set(["node_modules", "dist-test", "test", "scenarios"]);
  for (const name of ["package.json", "tsconfig.base.json", "packages", "sim"])
    cpSync(join(root, name), join(copy, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: (path) => !left.has(basename(path)),
    });
  // A fault may leave a name without a use.
  const base = join(copy, "tsconfig.base.json");
  writeFileSync(base, readFileSync(base, "utf8").replace(/("noUnused\w+": )true/g, "$1false"));
  const modules = join(copy, "node_modules");
  const own = "@fractal-punch";
  mkdirSync(join(modules, own), { recursive: true });
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== own && !name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name));
  for (const name of readdirSync(join(copy, "packages")))
    symlinkSync(join(copy, "packages", name), join(modules, own, name));
  symlinkSync(join(copy, "sim"), join(modules, own, "sim"));
}

/** Gives what the first seed that fails said; `undefined` when none does. */
async function plant({ name, file, find, replace }) {
  const path = join(copy, file);
  const source = readFileSync(path, "utf8");
  const count = source.split(find).length - 1;
  if (count !== 1)
    fail(`"${name}": its text is ${count} times in ${file}, and has to be there once; mend planted-faults.mjs`);
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  try {
    compile(name);
    return await firstFailure();
  } finally {
    writeFileSync(path, source);
  }
}

function compile(name) {
  const { status, stdout } = spawnSync(process.execPath, [toolCommand("typescript", "tsc"), "-b", "sim"], {
    cwd: copy,
    encoding: "utf8",
  });
  if (status !== 0) fail(`"${name}" does not compile:\n${stdout}`);
}

function firstFailure() {
  const main = join(copy, "sim", "dist", "main.js");
  const stdio = ["ignore", "pipe", "inherit"];
  const child = spawn(process.execPath, [main, "--seeds", `1-${seeds}`], { stdio, timeout: limitMs });
  return new Promise((resolve) => {
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      if (!line.startsWith("seed ")) return;
      child.kill();
      resolve(line.slice(0, line.indexOf(" (client")));
    });
    lines.on("close", () => resolve(undefined));
  });
}

function fail(reason) {
  console.error(reason);
  process.exit(2);
}
