#!/usr/bin/env node
/** The `fractal-punch` command. */
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { addConnectCommand } from "./connect.ts";
import { reportFailure } from "./failure.ts";
import { addHostCommand } from "./host.ts";
import { addInviteCommand } from "./invite.ts";
import { addPingCommand } from "./ping.ts";
import { addServeCommand } from "./serve.ts";
import { addTicketCommand } from "./ticket.ts";

const afterHelp = `
On one machine, in three terminals:
  fractal-punch serve
  fractal-punch host --echo
  fractal-punch ping

Ends with 0: done, 1: ping --until-direct stayed relayed, or a fault of this program, 2: called wrongly,
3: server not reached, 4: refused, 5: host not found, 6: no answer from the host, 130: interrupted.`;

const { version } = readManifest();
const program = new Command("fractal-punch")
  .description("Direct, encrypted UDP paths between devices behind NATs, and a relayed path until there is one.")
  .version(version)
  .exitOverride()
  .showHelpAfterError('Add --help to see what it takes, for example "fractal-punch host --help".')
  .addHelpText("after", afterHelp);
addServeCommand(program);
addHostCommand(program);
addConnectCommand(program);
addPingCommand(program);
addTicketCommand(program);
addInviteCommand(program);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error, process.argv.includes("--json"));
}

function readManifest(): { readonly version: string } {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const found = typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : "";
  return { version: String(found) };
}
