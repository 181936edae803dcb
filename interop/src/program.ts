/** Programs that no one here wrote, run to their end. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Where `aioice-pair.py` and `dist` are. */
const folder = fileURLToPath(new URL("..", import.meta.url));

/** Debian's programs go before others of their names: its Python is the one that has its packages. */
const environment = { ...process.env, PATH: `/usr/bin:${process.env["PATH"] ?? ""}` };

/** Debian's. */
export const chromiumPath = "/usr/bin/chromium";

export interface Ended {
  /** The exit code, the signal's name, or "no end" when it was ended for taking too long. */
  readonly code: number | string;
  /** Both of its outputs, in the order in which they came. */
  readonly output: string;
  readonly seconds: number;
}

/** Never rejects: a program that cannot be started has the system's error code for its own. */
export function runProgram(program: string, args: readonly string[], limitMs: number): Promise<Ended> {
  const startedAt = performance.now();
  const child = spawn(program, args, { cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => output.push(text));
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, limitMs);
  return new Promise((resolve) => {
    const end = (code: number | string): void => {
      clearTimeout(timer);
      resolve({ code, output: output.join(""), seconds: (performance.now() - startedAt) / 1000 });
    };
    child.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    child.once("close", (code, signal) => end(isLate ? "no end" : (code ?? signal ?? "no end")));
  });
}

export interface Started {
  /** Absent when the program could not be started. */
  readonly pid: number | undefined;
  readonly end: () => void;
}

/** Starts a program that serves until it is ended. */
export function startProgram(program: string, args: readonly string[]): Started {
  const child = spawn(program, args, { env: environment, stdio: "ignore" });
  child.once("error", () => {});
  return { pid: child.pid, end: () => child.kill("SIGKILL") };
}
