// `npm run sim|lab|interop|bench -- ARGS`: builds the workspace and runs that room's main program in this process.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, ensureInstalled, root } from "./ready.mjs";

const rooms = ["sim", "lab", "interop", "bench"];
const [room, ...args] = process.argv.slice(2);
if (!rooms.includes(room)) fail(`usage: node scripts/run.mjs ${rooms.join("|")} [arguments]`);

ensureInstalled();
build(".");
const program = join(root, room, "dist", "main.js");
if (!existsSync(program)) fail(`${room}/src/main.ts is missing: there is no ${room} program to run`);
process.argv = [process.execPath, program, ...args];
await import(pathToFileURL(program).href);

function fail(reason) {
  console.error(reason);
  process.exit(2);
}
