import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { closeNamespace, type Namespace, openNamespace, removeLeftovers, runIn } from "@fractal-punch/lab";
import { skip } from "./lab-test.ts";

test("what a killed lab left behind is removed by the next one, and nothing else", {
  skip,
  timeout: 20_000,
}, async (t) => {
  const own = openNamespace("living");
  t.after(() => closeNamespace(own));
  const foreign = `foreign-${process.pid}`;
  const earlier = `fplab-${process.pid}-1-0-earlier`;
  for (const name of [foreign, earlier]) execFileSync("ip", ["netns", "add", name]);
  t.after(() => execFileSync("ip", ["netns", "delete", foreign]));
  const { namespace, program } = await killedLab(join(own.folder, "socket"));
  assert.ok(namespaces().includes(namespace.name) && existsSync(namespace.folder));

  const ended = once(program, "close");
  const removed = removeLeftovers();
  assert.ok(removed.includes(namespace.name));
  assert.ok(removed.includes(earlier), "a process that got the same id later does not keep it");

  await ended;
  assert.ok(!namespaces().includes(namespace.name) && !existsSync(namespace.folder));
  assert.ok(namespaces().includes(own.name) && existsSync(own.folder));
  assert.ok(namespaces().includes(foreign));
});

test("programs in a namespace are told which driver the lab is to run over, and nothing else of its user", {
  skip,
}, (t) => {
  const variable = "FRACTAL_PUNCH_DRIVER";
  const before = process.env[variable];
  const own = openNamespace("told");
  t.after(() => {
    closeNamespace(own);
    if (before === undefined) delete process.env[variable];
    else process.env[variable] = before;
  });
  const heard = (): unknown => JSON.parse(runIn(own, process.execPath, ["-p", "JSON.stringify(process.env)"]));
  const usual = { PATH: process.env["PATH"], HOME: own.folder };
  delete process.env[variable];
  assert.deepEqual(heard(), usual);
  process.env[variable] = "dgram";
  assert.deepEqual(heard(), { ...usual, [variable]: "dgram" });
});

interface KilledLab {
  readonly namespace: Namespace;
  /** A connection from a program that still runs in the namespace: it closes when the program ends. */
  readonly program: Socket;
}

async function killedLab(socketPath: string): Promise<KilledLab> {
  const server = createServer().listen(socketPath);
  const source = labThatStays(socketPath);
  const lab = spawn(process.execPath, ["--input-type=module", "--eval", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const connection = once(server, "connection");
  const [line] = await once(createInterface({ input: lab.stdout }), "line");
  const [program] = await connection;
  assert.ok(program instanceof Socket);
  server.close();
  lab.kill("SIGKILL");
  await once(lab, "exit");
  return { namespace: JSON.parse(line), program };
}

function labThatStays(socketPath: string): string {
  return `
    import { openNamespace, spawnIn } from ${JSON.stringify(import.meta.resolve("@fractal-punch/lab"))};
    const namespace = openNamespace("killed");
    spawnIn(namespace, process.execPath, ["--eval", ${JSON.stringify(`net.connect(${JSON.stringify(socketPath)})`)}]);
    console.log(JSON.stringify(namespace));
  `;
}

function namespaces(): string[] {
  const lines = execFileSync("ip", ["netns", "list"], { encoding: "utf8" }).split("\n");
  return lines.map((line) => line.split(" ")[0] ?? "");
}
