// `npm start -- ARGS` is `fractal-punch serve ARGS`, in this very process: signals reach the server and its exit code is npm's.
import { pathToFileURL } from "node:url";
import { commandPath, ensureCommandBuilt, ensureInstalled } from "./ready.mjs";

ensureInstalled();
ensureCommandBuilt();
process.argv = [process.execPath, commandPath, "serve", ...process.argv.slice(2)];
await import(pathToFileURL(commandPath).href);
