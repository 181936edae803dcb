// Which tests exist: listed from the sources, so that a test built once and since removed is not run.
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./ready.mjs";

/** Tests of what goes over sockets of UDP, or is relayed: one of the drivers has it forwarded. */
const driven = new RegExp(
  [
    "^packages/udp/test/",
    "^packages/peer/test/[a-z-]+\\.test",
    "^packages/cli/test/(?:classic|one-machine|tunnel)\\.test",
    "^packages/server/test/(?:channels|quotas|serve|turn(?:-hostile|-mobility|-model|-pipes|-rfc)?)\\.test",
  ].join("|"),
);

/** Every test file as { source, built, lab, driven }, paths relative to the root. */
export function listTests() {
  const compiled = testFolders().flatMap((folder) =>
    filesIn(folder.sources, ".test.ts").map((name) => ({
      source: `${folder.sources}/${name}`,
      built: `${folder.built}/${name.replace(/\.ts$/, ".js")}`,
      lab: folder.sources.startsWith("lab/"),
      driven: driven.test(`${folder.sources}/${name}`),
    })),
  );
  const plain = filesIn("scripts", ".test.mjs").map((name) => ({
    source: `scripts/${name}`,
    built: `scripts/${name}`,
    lab: false,
    driven: false,
  }));
  return [...compiled, ...plain];
}

/** `tsc -b` never deletes: removes from every dist-test what no source stands for any more. */
export function deleteOrphans() {
  const folders = testFolders();
  const known = new Set(
    folders.flatMap(({ sources, built }) => filesIn(sources, ".ts").map((name) => `${built}/${name.slice(0, -3)}`)),
  );
  for (const output of new Set(folders.map(({ built }) => built.replace(/\/dist-test\/.*/, "/dist-test")))) {
    for (const name of filesIn(output, "")) {
      const stem = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(name)?.[1];
      if (stem !== undefined && !known.has(`${output}/${stem}`)) rmSync(join(root, output, name));
    }
  }
}

function testFolders() {
  const packages = readdirSync(join(root, "packages")).map((name) => `packages/${name}`);
  return [
    ...[...packages, "sim", "lab", "interop", "bench"].map((room) => ({
      sources: `${room}/test`,
      built: `${room}/dist-test`,
    })),
    { sources: "sim/scenarios", built: "sim/dist-test/scenarios" },
  ];
}

function filesIn(folder, ending) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .map((path) => path.slice(join(root, folder).length + 1).replaceAll("\\", "/"))
    .toSorted();
}
