// The rules that no compiler and no linter holds: directions between rooms, banned words, documents that name what exists.
// The lengths of files and functions, `any`, `!`, @ts-ignore, console and empty catch are rules in .oxlintrc.json.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, posix } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { plantedFaults } from "./planted-faults.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const unlistedFolders = new Set([".git", "node_modules", "dist", "dist-test"]);
const machine = "@fractal-punch/machine";
const wire = "@fractal-punch/wire";
const udp = /^@fractal-punch\/udp(\/|$)/;
const npmPackages = /^(?!@fractal-punch\/|fractal-punch$|node:)/;

// The first room whose folder holds a file is the file's room, so a core comes before the package around it.
const rooms = [
  { folder: "packages/machine/src", mayImport: [] },
  { folder: "packages/wire/src", mayImport: [machine] },
  { folder: "packages/server/src/core", mayImport: [machine, wire] },
  { folder: "packages/peer/src/core", mayImport: [machine, wire] },
  { folder: "packages/udp/src", mayImport: [machine, /^node:/, npmPackages] },
  { folder: "packages/server/src", mayImport: [machine, wire, udp, /^node:/, npmPackages] },
  { folder: "packages/peer/src", mayImport: [machine, wire, udp, /^node:/, npmPackages] },
  {
    folder: "packages/cli/src",
    mayImport: [
      machine,
      wire,
      udp,
      "@fractal-punch/server",
      "@fractal-punch/peer",
      "@fractal-punch/peer/sodium",
      /^node:/,
      npmPackages,
    ],
  },
  {
    folder: "sim/src",
    mayImport: [
      machine,
      wire,
      "@fractal-punch/server/core",
      "@fractal-punch/peer/core",
      "@fractal-punch/peer/sodium",
      /^node:/,
    ],
  },
  {
    folder: "lab/src",
    mayImport: [machine, "@fractal-punch/sim/internet", "@fractal-punch/peer", /^node:/, npmPackages],
  },
  { folder: "interop/src", mayImport: [machine, wire, udp, /^node:/, npmPackages] },
  { folder: "bench/src", mayImport: [/^@fractal-punch\//, /^node:/, npmPackages] },
];

const files = listFiles("");
const typescript = files.filter((path) => path.endsWith(".ts"));
const tests = typescript.filter((path) => /\/(test|scenarios)\//.test(path));
const production = typescript.filter((path) => path.includes("/src/"));

test("every room imports only the rooms below it", () => {
  expectNone(
    production.flatMap((path) => {
      const { folder, mayImport } = roomOf(path);
      return importsOf(path)
        .filter(({ specifier }) => !isAllowed(specifier, path, folder, mayImport))
        .map(({ line, specifier }) => `${path}:${line} imports "${specifier}", which ${folder} may not`);
    }),
  );
});

test("every imported package is declared by the package that imports it", () => {
  const shared = Object.keys(manifest(".").devDependencies);
  expectNone(
    typescript.flatMap((path) => {
      const { name, dependencies = {}, devDependencies = {}, optionalDependencies = {} } = manifest(packageOf(path));
      const declared = new Set([name, ...Object.keys({ ...dependencies, ...optionalDependencies })]);
      if (tests.includes(path)) for (const tool of [...Object.keys(devDependencies), ...shared]) declared.add(tool);
      return importsOf(path)
        .filter(({ specifier }) => !specifier.startsWith(".") && !isBuiltin(specifier))
        .filter(({ specifier }) => !declared.has(packageName(specifier)))
        .map(
          ({ line, specifier }) => `${path}:${line} imports "${specifier}", which ${packageOf(path)} does not declare`,
        );
    }),
  );
});

test("no source has a cast through unknown", () => {
  expectNone(matches(typescript, /\bas unknown as\b/));
});

test("no test sleeps: it waits for what it expects", () => {
  expectNone(
    matches(
      tests,
      /\bsetTimeout\b.*\bfrom "node:timers\/promises"|\bnew Promise\b.*\bsetTimeout\b|\bsetTimeout\((resolve|done)\b/,
    ),
  );
});

test("no test is left out by .only or .todo", () => {
  const own = files.filter((path) => path.startsWith("scripts/") && path.endsWith(".test.mjs"));
  expectNone(matches([...tests, ...own], /\b(test|it|describe|suite|t)\.(only|todo)\(|\{\s*(only|todo):/));
});

test("no file names a registry's address or a path of one machine", () => {
  const text = files.filter((path) => !/\.(png|jpg|ico|gz|bin)$/.test(path));
  expectNone(matches(text, /https?:\/\/registry\.|(?<![\w.)-])\/(?:work|root)\/|"resolved":\s*"http/));
});

test("every npm command in the README exists", needs("README.md"), () => {
  const scripts = Object.keys(manifest(".").scripts);
  const ownToNpm = ["install", "ci", "pack"];
  expectNone(
    commandsIn("README.md", /\bnpm (run )?([a-z][\w:-]*)/)
      .filter(([, run, name]) => !scripts.includes(name) && (run !== undefined || !ownToNpm.includes(name)))
      .map(([command]) => `README.md names "${command}", which package.json does not have`),
  );
});

test("every fractal-punch command in the README exists", needs("README.md"), () => {
  const sources = production.filter((path) => path.startsWith("packages/cli/src/")).map(read);
  const known = new Set(sources.flatMap((text) => all(text, /\.command\(\s*"([\w-]+)/).map(([, name]) => name)));
  expectNone(
    commandsIn("README.md", /\bfractal-punch ([a-z][\w-]*)/)
      .filter(([, name]) => !known.has(name))
      .map(([command]) => `README.md names "${command}", which packages/cli does not have`),
  );
});

const errorTable = "packages/peer/src/errors.ts";
test("every error code has its heading in docs/errors.md", needs(errorTable, "docs/errors.md"), () => {
  const codes = all(read(errorTable), /"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)"|^ {2}([A-Z][A-Z0-9_]+):/).map(
    ([, a, b]) => a ?? b,
  );
  assert.notEqual(codes.length, 0, `${errorTable} lists no code`);
  const headings = read("docs/errors.md")
    .split("\n")
    .filter((line) => line.startsWith("#"));
  expectNone(
    codes
      .filter((code) => !headings.some((heading) => new RegExp(`\\b${code}\\b`).test(heading)))
      .map((code) => `docs/errors.md has no heading for ${code}`),
  );
});

const vectors = files.filter((path) => /^packages\/wire\/test\/vectors\/[^/]+\.json$/.test(path));
test("every vector file is named in docs/protocol.md", needs("packages/wire/test/vectors", "docs/protocol.md"), () => {
  const text = read("docs/protocol.md");
  expectNone(
    vectors
      .filter((path) => !text.includes(posix.basename(path)))
      .map((path) => `docs/protocol.md does not name ${path}`),
  );
});

const limitsTable = "packages/server/src/core/limits.ts";
test("every planted fault has its place in the source", () => {
  expectNone(
    plantedFaults
      .filter(({ file, find }) => !existsSync(join(root, file)) || read(file).split(find).length !== 2)
      .map(({ name, file }) => `the text of "${name}" is not once in ${file}; mend scripts/planted-faults.mjs`),
  );
});

test("every limit is named in a test", needs(limitsTable), () => {
  const names = all(read(limitsTable), /^ {2}readonly (\w+): /).map(([, name]) => name);
  assert.notEqual(names.length, 0, `${limitsTable} has no limit`);
  const text = tests.map(read).join("\n");
  expectNone(
    names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text)).map((name) => `no test names the limit ${name}`),
  );
});

function expectNone(faults) {
  if (faults.length > 0) assert.fail(`\n${faults.join("\n")}`);
}

/** Options of a test about files that the project may not have yet: skipped, and saying so, until it has them. */
function needs(...paths) {
  const missing = paths.find((path) => !existsSync(join(root, path)));
  return { skip: missing === undefined ? false : `${missing} does not exist yet` };
}

function listFiles(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return unlistedFolders.has(entry.name) ? [] : listFiles(path);
    return entry.isFile() ? [path] : [];
  });
}

function roomOf(path) {
  const room = rooms.find(({ folder }) => path.startsWith(`${folder}/`));
  assert.ok(room, `${path} is in no room that this test knows: add it to the list of rooms`);
  return room;
}

function isAllowed(specifier, path, folder, mayImport) {
  if (specifier.startsWith(".")) return posix.join(dirname(path), specifier).startsWith(`${folder}/`);
  return mayImport.some((allowed) => (allowed instanceof RegExp ? allowed.test(specifier) : allowed === specifier));
}

// Biome writes every import in one form, which is what these patterns match.
function importsOf(path) {
  const text = read(path);
  const statements = [/^(?:import|export)\b[^;"]*?\bfrom "([^"]+)"/, /^import "([^"]+)"/, /\bimport\("([^"]+)"\)/];
  return statements.flatMap((pattern) =>
    all(text, pattern).map((match) => ({ specifier: match[1], line: lineAt(text, match.index) })),
  );
}

function packageName(specifier) {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function packageOf(path) {
  return /^packages\/[^/]+|^[^/]+/.exec(path)[0];
}

function manifest(folder) {
  return JSON.parse(read(posix.join(folder, "package.json")));
}

/** Commands stand in code: in a fenced block or between backticks. */
function commandsIn(path, pattern) {
  const code = all(read(path), /```[^]*?```|`[^`\n]+`/).map(([text]) => text);
  return all(code.join("\n"), pattern);
}

function matches(paths, pattern) {
  return paths.flatMap((path) => {
    const lines = read(path).split("\n");
    return lines.flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1} ${line.trim()}`] : []));
  });
}

function all(text, pattern) {
  return [...text.matchAll(new RegExp(pattern, "gm"))];
}

function lineAt(text, index) {
  return text.slice(0, index).split("\n").length;
}

function read(path) {
  return readFileSync(join(root, path), "utf8");
}
