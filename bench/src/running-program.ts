/** A program that is measured: a Node process of its own that prints JSON lines. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type Fields = Readonly<Record<string, unknown>>;

const commandPath = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const patienceMs = 10_000;
const readEveryMs = 20;

export class RunningProgram {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #waiting = new Map<string, (fields: Fields) => void>();
  readonly #logPath: string | undefined;
  #errors = "";

  /**
   * `args`: Node's, so a path to a program first. With `logPath` it prints into that file, and never waits until this
   * process has time to read.
   */
  constructor(args: readonly string[], environment: NodeJS.ProcessEnv, logPath?: string) {
    const env = { ...process.env, ...environment };
    const output = logPath === undefined ? "pipe" : openSync(logPath, "w");
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", output, "pipe"] });
    if (typeof output === "number") closeSync(output);
    if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", (line) => this.#take(line));
    this.#logPath = logPath;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    this.#ended = once(child, "close");
    this.#child = child;
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("a program was not started");
    return pid;
  }

  /** The fields of the next event of that name; from a file, of its first. Rejects when the program ends before, or is silent for long. */
  async event(name: string, withinMs: number = patienceMs): Promise<Fields> {
    const heard = new Promise<Fields>((resolve) => this.#waiting.set(name, resolve));
    const reading = setInterval(() => this.#readLog(), readEveryMs);
    const ended = this.#ended.then(() =>
      Promise.reject(new Error(`a program ended before its "${name}": ${this.#errors}`)),
    );
    const late = AbortSignal.timeout(withinMs);
    const silent = once(late, "abort").then(() =>
      Promise.reject(new Error(`a program did not say "${name}": ${this.#errors}`)),
    );
    try {
      return await Promise.race([heard, ended, silent]);
    } finally {
      clearInterval(reading);
    }
  }

  /** What it has printed into its file. */
  logLines(): string[] {
    return this.#logPath === undefined ? [] : readFileSync(this.#logPath, "utf8").split("\n");
  }

  /** Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#ended;
  }

  #readLog(): void {
    for (const line of this.logLines()) this.#take(line);
  }

  /** Loads make a server print thousands of lines: only those that are waited for are parsed. */
  #take(line: string): void {
    for (const [name, resolve] of this.#waiting) {
      if (!line.includes(`"event":"${name}"`)) continue;
      this.#waiting.delete(name);
      const fields: Fields = JSON.parse(line);
      resolve(fields);
    }
  }
}

export interface CommandOptions {
  readonly environment?: NodeJS.ProcessEnv;
  /** They go before the command. */
  readonly nodeOptions?: readonly string[];
  readonly logPath?: string;
}

/** The `fractal-punch` command. */
export function startCommand(args: readonly string[], options: CommandOptions): RunningProgram {
  const { environment = {}, nodeOptions = [], logPath } = options;
  return new RunningProgram([...nodeOptions, commandPath, ...args], environment, logPath);
}
