/** A program that is measured: a Node process of its own that prints JSON lines. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type Fields = Readonly<Record<string, unknown>>;

const commandPath = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const patienceMs = 10_000;

export class RunningProgram {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #waiting = new Map<string, (fields: Fields) => void>();
  #errors = "";
  /** Is told every line that it prints. */
  onLine: (line: string) => void = () => undefined;

  /** `args`: Node's, so a path to a program first. */
  constructor(args: readonly string[], environment: NodeJS.ProcessEnv) {
    const env = { ...process.env, ...environment };
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    createInterface({ input: child.stdout }).on("line", (line) => this.#take(line));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#errors += text));
    this.#ended = once(child, "close");
    this.#child = child;
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("a program was not started");
    return pid;
  }

  /** The fields of the next event of that name. Rejects when the program ends before, or is silent for long. */
  async event(name: string, withinMs: number = patienceMs): Promise<Fields> {
    const heard = new Promise<Fields>((resolve) => this.#waiting.set(name, resolve));
    const ended = this.#ended.then(() =>
      Promise.reject(new Error(`a program ended before its "${name}": ${this.#errors}`)),
    );
    const late = AbortSignal.timeout(withinMs);
    const silent = once(late, "abort").then(() =>
      Promise.reject(new Error(`a program did not say "${name}": ${this.#errors}`)),
    );
    return await Promise.race([heard, ended, silent]);
  }

  /** Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#ended;
  }

  /** Loads make a server print thousands of lines: only those that are waited for are parsed. */
  #take(line: string): void {
    this.onLine(line);
    for (const [name, resolve] of this.#waiting) {
      if (!line.includes(`"event":"${name}"`)) continue;
      this.#waiting.delete(name);
      const fields: Fields = JSON.parse(line);
      resolve(fields);
    }
  }
}

/** The `fractal-punch` command; `nodeOptions` go before it. */
export function startCommand(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  nodeOptions: readonly string[] = [],
): RunningProgram {
  return new RunningProgram([...nodeOptions, commandPath, ...args], environment);
}
