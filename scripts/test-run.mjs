// Runs one test file in a process of its own. What ends badly without a failed test (a crash, an exit code, a rejection
// after the last test, no test at all, a process that does not end) is a failure of the file.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const reporter = fileURLToPath(new URL("test-events.mjs", import.meta.url));
const closeGraceMs = 1000;
const running = new Set();

/** Resolves to a list of { outcome: "passed" | "failed" | "skipped", title, detail }. */
export async function runTestFile({ path, cwd, limitMs, env = {} }) {
  if (!existsSync(path)) return [fileFailure("it was not built; if the types are right, remove its dist-test folder")];
  const folder = mkdtempSync(join(tmpdir(), "fractal-punch-test-"));
  const events = join(folder, "events");
  const end = await runProcess(nodeArguments(path, events), { cwd, limitMs, env });
  const results = existsSync(events) ? parseLines(readFileSync(events, "utf8")) : [];
  rmSync(folder, { recursive: true });
  return judge(results, end);
}

/** Runs Node with the arguments; resolves to { code, output, late }, where late says that it was killed at its limit. */
export async function runProcess(args, { cwd, limitMs, env: settings = {} }) {
  // In a process group of its own, so that what a hanging test started is stopped with it. Without the variable that
  // marks a child of `node --test`, so that the runner can be tested by a test.
  const { NODE_TEST_CONTEXT: _, ...own } = process.env;
  const env = { ...own, ...settings };
  const child = spawn(process.execPath, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const chunks = [];
  let late = false;
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(chunk));
  running.add(child);
  const limit = setTimeout(() => {
    late = true;
    stop(child);
  }, limitMs);
  const closed = once(child, "close");
  const [status, signal] = await once(child, "exit");
  // "close" never comes while something that the test left behind holds its output open.
  await Promise.race([closed, delay(closeGraceMs, undefined, { ref: false })]);
  clearTimeout(limit);
  running.delete(child);
  child.stdout.destroy();
  child.stderr.destroy();
  stop(child);
  return { code: status ?? signal, late, output: Buffer.concat(chunks).toString().trimEnd() };
}

export function stopAll() {
  for (const child of running) stop(child);
}

function stop(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group is gone already, or the system has none (Windows): the child alone is left to stop.
    child.kill("SIGKILL");
  }
}

function nodeArguments(path, events) {
  return ["--enable-source-maps", `--test-reporter=${reporter}`, `--test-reporter-destination=${events}`, path];
}

function parseLines(text) {
  // A process that dies may leave its last line half written.
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  return complete
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

function judge(lines, { code, late, output }) {
  const results = lines.filter(({ outcome }) => outcome !== "note");
  const notes = lines.filter(({ outcome }) => outcome === "note").map(({ detail }) => detail);
  const detail = [...notes, output].join("\n");
  if (late) return [...results, fileFailure(`it did not end in time and was stopped\n${detail}`)];
  if (results.length === 0) return [fileFailure(`it reported no test and ended with ${code}\n${detail}`)];
  const explained = code === 0 || results.some(({ outcome }) => outcome === "failed");
  return explained ? results : [...results, fileFailure(`it ended with ${code}\n${detail}`)];
}

function fileFailure(detail) {
  return { outcome: "failed", title: "the file as a whole", detail };
}
