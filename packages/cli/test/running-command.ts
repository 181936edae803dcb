/** The built command, or another program, as a child process, its JSON lines as promises. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const commandPath = fileURLToPath(new URL("../dist/main.js", import.meta.url));

export type Event = Readonly<Record<string, unknown>>;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A machine of its own: a home, a state folder and a config folder that are removed after the test. */
export class Machine {
  readonly folder: string;
  readonly #commands: RunningCommand[] = [];

  constructor(t: TestContext) {
    this.folder = mkdtempSync(join(tmpdir(), "fractal-punch-"));
    t.after(() => this.#end());
  }

  get state(): string {
    return join(this.folder, "state");
  }

  /** Writes a file, and gives its path. */
  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  start(args: readonly string[], environment: Readonly<Record<string, string>> = {}): RunningCommand {
    return this.startProgram(commandPath, args, environment);
  }

  /** Starts another program than the command. */
  startProgram(
    path: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): RunningCommand {
    const { PATH = "" } = process.env;
    const own = {
      PATH,
      HOME: this.folder,
      STATE_DIRECTORY: this.state,
      FRACTAL_PUNCH_FOLDER: join(this.folder, "config"),
    };
    const command = new RunningCommand(path, args, { ...own, ...environment });
    this.#commands.push(command);
    return command;
  }

  /** Runs it to its end. */
  run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ended> {
    return this.start(args, environment).ended;
  }

  /** The commands first: they may be writing into the folder. */
  async #end(): Promise<void> {
    await Promise.all(this.#commands.map((command) => command.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class RunningCommand {
  readonly ended: Promise<Ended>;
  readonly process: ChildProcess;
  readonly #events: Event[] = [];
  readonly #waiting = new Set<() => void>();
  #stdout = "";
  #stderr = "";
  #over = false;

  constructor(path: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, [path, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
    this.process = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    createInterface({ input: child.stdout }).on("line", (line) => this.#take(line));
    this.ended = once(child, "close").then(([code]) => {
      this.#over = true;
      this.#wake();
      return { code: typeof code === "number" ? code : null, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  /** The next event of this name that was not yet handed out, and with these fields. */
  event(name: string, fields: Event = {}): Promise<Event> {
    return this.#until(`the event ${name}`, () => {
      const index = this.#events.findIndex((event) => event["event"] === name && hasFields(event, fields));
      return index < 0 ? undefined : this.#events.splice(index, 1)[0];
    });
  }

  /** The first line of stdout like this. */
  line(pattern: RegExp): Promise<string> {
    return this.#until(`a line like ${pattern}`, () => this.#stdout.split("\n").find((line) => pattern.test(line)));
  }

  signal(name: NodeJS.Signals): Promise<Ended> {
    this.process.kill(name);
    return this.ended;
  }

  async kill(): Promise<void> {
    if (!this.#over) await this.signal("SIGKILL");
  }

  #take(line: string): void {
    this.#stdout += `${line}\n`;
    if (line.startsWith("{")) this.#events.push(asEvent(JSON.parse(line)));
    this.#wake();
  }

  async #until<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (this.#over) assert.fail(`ended without ${what}:\n${this.#stdout}${this.#stderr}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** The JSON lines of what a command printed. */
export function eventsOf({ stdout }: Ended): Event[] {
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [asEvent(JSON.parse(line))]));
}

/** A field that must be text. */
export function textOf(event: Event, field: string): string {
  const value = event[field];
  assert.equal(typeof value, "string", `${field} of ${JSON.stringify(event)}`);
  return String(value);
}

function hasFields(event: Event, fields: Event): boolean {
  return Object.entries(fields).every(([name, value]) => event[name] === value);
}

function asEvent(value: unknown): Event {
  assert.ok(typeof value === "object" && value !== null, "an event is an object");
  return { ...value };
}
