import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { addressText } from "@fractal-punch/machine";
import { mintHostTicket, readSecret, serve } from "@fractal-punch/server";
import { ticketText } from "@fractal-punch/wire";

const folderPrefix = join(tmpdir(), "fractal-punch-readme-");

test("the README's library example runs: the client gets its datagram back", { timeout: 30_000 }, async (t) => {
  const { server, ticket } = await openServer(t);
  const examples = writeExamples(t);
  const host = startNode(t, join(examples, "host.mjs"), server, ticket);
  const invite = await firstLine(host.child);
  assert.match(invite, /^fp1-/);
  const client = startNode(t, join(examples, "client.mjs"), invite);
  assert.match(await firstLine(client.child), /^hello, (relayed|direct)$/);
  assert.deepEqual(await client.ended, [0, null]);
});

interface TestedServer {
  readonly server: string;
  readonly ticket: string;
}

async function openServer(t: TestContext): Promise<TestedServer> {
  const stateFolder = mkdtempSync(folderPrefix);
  const running = await serve({
    stateFolder,
    listen: ["127.0.0.1"],
    port: 0,
    secondPort: 0,
    tls: null,
    publicNames: ["127.0.0.1"],
    onEvent: () => undefined,
  });
  t.after(async () => {
    await running.close();
    rmSync(stateFolder, { recursive: true });
  });
  const [address] = running.listening;
  assert.ok(address);
  const inAnHour = Math.floor(Date.now() / 1000) + 3600;
  const ticket = ticketText(mintHostTicket(await readSecret(stateFolder), "readme", inAnHour));
  return { server: addressText(address), ticket };
}

/** Writes the README's blocks, each under the name before it, to a folder in this package, where its name resolves. */
function writeExamples(t: TestContext): string {
  const folder = mkdtempSync(fileURLToPath(new URL("readme-example-", import.meta.url)));
  t.after(() => rmSync(folder, { recursive: true }));
  const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  const blocks = [...readme.matchAll(/\(`(\w+\.mjs)`\):\n\n```js\n([^]*?)```/g)];
  assert.deepEqual(
    blocks.map(([, name]) => name),
    ["host.mjs", "client.mjs"],
  );
  for (const [, name = "", code = ""] of blocks) writeFileSync(join(folder, name), code);
  return folder;
}

interface RunningNode {
  readonly child: ChildProcess;
  /** Code and signal. */
  readonly ended: Promise<unknown[]>;
}

function startNode(t: TestContext, ...args: string[]): RunningNode {
  const folder = mkdtempSync(folderPrefix);
  const env = { ...process.env, FRACTAL_PUNCH_FOLDER: folder };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true });
  });
  return { child, ended };
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  assert.ok(stdout);
  const [line] = await once(createInterface({ input: stdout }), "line");
  return String(line);
}
