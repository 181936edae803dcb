// Makes a fresh clone ready to run: installs the pinned packages and builds what is needed, only when something changed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

const stamps = join(root, "node_modules", ".fractal-punch");
const installStamp = join(stamps, "installed");
const commandStamp = join(stamps, "command-built");
export const commandPath = join(root, "packages", "cli", "dist", "main.js");

export function ensureInstalled() {
  const wanted = installFingerprint();
  if (existsSync(installStamp) && readFileSync(installStamp, "utf8") === wanted) return;
  const first = existsSync(installStamp) ? "the lock file or Node changed" : "first start only";
  console.error(`installing packages (${first}) ...`);
  installPackages();
  mkdirSync(stamps, { recursive: true });
  writeFileSync(installStamp, wanted);
}

export function ensureCommandBuilt() {
  if (existsSync(commandPath) && existsSync(commandStamp) && newestSource() <= statSync(commandStamp).mtimeMs) return;
  console.error("building ...");
  // The stamp carries the time before the build, so that a file saved during the build is seen by the next start.
  const startedAt = new Date();
  build("packages/cli");
  writeFileSync(commandStamp, "");
  utimesSync(commandStamp, startedAt, startedAt);
}

export function build(project) {
  runOrExit(toolCommand("typescript", "tsc"), ["-b", project]);
}

// Tools are started through their own bin file, never through a shell or npx: faster, and the same on every system.
export function toolCommand(packageName, binName) {
  const directory = join(root, "node_modules", packageName);
  const { bin } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  return join(directory, typeof bin === "string" ? bin : bin[binName]);
}

function installFingerprint() {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  return `${lock} ${process.platform} ${process.arch} ${process.versions.modules}\n`;
}

// `npm install --no-save`, not `npm ci`: ci refuses a lock file that lacks other systems' optional packages, and deletes
// node_modules under a running server. The two includes bring the compiler also where NODE_ENV is "production".
function installPackages() {
  const wanted = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--include=dev", "--include=optional"];
  const npm = process.env.npm_execpath;
  if (npm?.endsWith("npm-cli.js")) runOrExit(npm, ["install", ...wanted]);
  else exitUnlessGood(spawnSync("npm", ["install", ...wanted], { cwd: root, encoding: "utf8" }));
}

function runOrExit(script, args) {
  exitUnlessGood(spawnSync(process.execPath, [script, ...args], { cwd: root, encoding: "utf8" }));
}

function exitUnlessGood({ error, status, stdout, stderr }) {
  if (status === 0) return;
  console.error(error?.message ?? `${stdout}${stderr}`.trimEnd());
  process.exit(1);
}

function newestSource() {
  const packages = readdirSync(join(root, "packages")).map((name) => join(root, "packages", name));
  const settings = ["tsconfig.base.json", "package-lock.json"].map((name) => join(root, name));
  const ofPackages = packages.flatMap((path) => [
    join(path, "package.json"),
    join(path, "tsconfig.json"),
    ...treeOf(join(path, "src")),
  ]);
  return Math.max(...[...settings, ...ofPackages].filter(existsSync).map((path) => statSync(path).mtimeMs));
}

// Folders count too: their time changes when a file in them is removed or renamed.
function treeOf(directory) {
  if (!existsSync(directory)) return [];
  const entries = readdirSync(directory, { recursive: true });
  return [directory, ...entries.map((entry) => join(directory, entry))];
}
