import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { LineWriter } from "../dist/line-writer.js";

test("lines come in order and whole, however slowly they are read", async (t) => {
  const pipe = pipeOf(t);
  const lost: number[] = [];
  const writer = new LineWriter(pipe.fd, (lines) => lost.push(lines));
  const written = Array.from({ length: 5_000 }, (_, number) => lineOf(number));
  for (const line of written) writer.write(line);
  assert.equal(await readUntil(pipe, lineOf(4_999)), written.join(""));
  assert.deepEqual(lost, []);
});

test("of lines that nobody reads a bounded number waits; how many are lost is told once there is room", async (t) => {
  const pipe = pipeOf(t);
  const lost: number[] = [];
  const writer = new LineWriter(pipe.fd, (lines) => {
    lost.push(lines);
    writer.write("the last\n");
  });
  const count = 40_000;
  for (let number = 0; number < count; number++) writer.write(lineOf(number));
  const lines = (await readUntil(pipe, "the last\n")).split("\n").slice(0, -2);
  assert.deepEqual(
    lines,
    lines.map((_, number) => lineOf(number).trimEnd()),
  );
  assert.ok(lines.length > 5_000, "what there is room for is kept");
  assert.deepEqual(lost, [count - lines.length]);
});

test("what waits still when the process ends is written", () => {
  const printed = run(`const writer = new LineWriter(1, () => {});
    for (const line of ["one", "two"]) writer.write(line + "\\n");
    process.exit();`);
  assert.equal(printed, "one\ntwo\n");
});

test("lines that the system refuses are counted with those that are lost, and told of once it takes some again", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "fractal-punch-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "log");
  // A closed descriptor is refused. All that is under way is done each time that the process would end.
  run(`const { closeSync, openSync } = await import("node:fs");
    const fd = openSync(${JSON.stringify(path)}, "w");
    closeSync(fd);
    const writer = new LineWriter(fd, (lines) => writer.write("lost: " + lines + "\\n"));
    const steps = [
      () => openSync(${JSON.stringify(path)}, "w") === fd || process.exit(1),
      () => writer.write("two\\n"),
      () => writer.write("three\\n"),
    ];
    process.on("beforeExit", () => steps.shift()?.() === undefined || setImmediate(() => {}));
    writer.write("zero\\n");
    writer.write("one\\n");`);
  assert.equal(readFileSync(path, "utf8"), "two\nthree\nlost: 2\n");
});

/** In a process of its own; what it prints. */
function run(script: string): string {
  const module = JSON.stringify(new URL("../dist/line-writer.js", import.meta.url));
  const whole = `const { LineWriter } = await import(${module});\n${script}`;
  return execFileSync(process.execPath, ["--input-type=module", "--eval", whole], {
    encoding: "utf8",
    timeout: 20_000,
  });
}

interface Pipe {
  readonly path: string;
  readonly fd: number;
}

/** A pipe that takes 64 KB without a reader, and then nothing at once. */
function pipeOf(t: TestContext): Pipe {
  const folder = mkdtempSync(join(tmpdir(), "fractal-punch-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(fd));
  return { path, fd };
}

/** All that comes out of the pipe, up to that text. */
async function readUntil({ path }: Pipe, end: string): Promise<string> {
  const reader = spawn("cat", [path], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const piece of reader.stdout.setEncoding("utf8")) {
    text += String(piece);
    if (text.endsWith(end)) break;
  }
  reader.kill();
  return text;
}

function lineOf(number: number): string {
  return `${String(number).padStart(80, "-")}\n`;
}
