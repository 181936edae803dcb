import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type Namespace, spawnIn } from "./namespace.ts";

/** One line of a program's standard output: a JSON object with the event's name and its other fields. */
export interface ProcessEvent {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export type Matches = (event: ProcessEvent) => boolean;

interface Waiter {
  matches: Matches;
  resolve: (event: ProcessEvent) => void;
  reject: (reason: Error) => void;
}

/** A program in a namespace that prints JSON lines. Its events are kept, and can be awaited, each once, in their order. */
export class LabProcess {
  /** All events up to now. */
  readonly events: ProcessEvent[] = [];
  /** Fulfilled with the exit code, or the signal's name, when the process has ended and its output is read. */
  readonly ended: Promise<number | string>;
  readonly #title: string;
  readonly #child: ChildProcess;
  readonly #output: string[] = [];
  readonly #waiters = new Set<Waiter>();
  #taken = 0;
  #over = false;

  constructor(namespace: Namespace, program: string, args: readonly string[]) {
    this.#title = `${namespace.name}: ${args.join(" ")}`;
    this.#child = spawnIn(namespace, program, args);
    this.#readLines(this.#child.stdout, (line) => this.#receiveLine(line));
    this.#readLines(this.#child.stderr, () => {});
    // A program that ends closes its input; `ended` tells of it.
    this.#child.stdin?.on("error", () => {});
    this.ended = new Promise((resolve) => {
      this.#child.once("error", (error) => this.#end(resolve, error.message));
      this.#child.once("close", (code, signal) => this.#end(resolve, signal ?? code ?? 0));
    });
  }

  /** The program's own. */
  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.#title}: was not started`);
    return pid;
  }

  /**
   * The next event that matches, among those behind the last one awaited here. Rejects when it does not
   * come in time or the program has ended.
   */
  next(matches: Matches, withinMs = 10_000): Promise<ProcessEvent> {
    return new Promise((resolve, reject) => {
      const waiter = { matches, resolve, reject };
      this.#waiters.add(waiter);
      const timer = setTimeout(() => this.#fail(waiter, `nothing matched within ${withinMs} ms`), withinMs);
      const settle = <T>(then: (value: T) => void): ((value: T) => void) => {
        return (value) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          then(value);
        };
      };
      waiter.resolve = settle(resolve);
      waiter.reject = settle(reject);
      this.#serveWaiters();
    });
  }

  /** One JSON line to the program's standard input. */
  tell(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  /** Ends the program, by its process id, and waits until it has ended. */
  async end(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): Promise<number | string> {
    this.#child.kill(signal);
    return await this.ended;
  }

  /** All that it printed, for people to read. */
  transcript(): string {
    return [`--- ${this.#title}`, ...this.#output].join("\n");
  }

  #readLines(stream: Readable | null, receive: (line: string) => void): void {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => {
      this.#output.push(line);
      receive(line);
    });
  }

  #receiveLine(line: string): void {
    const event = eventOf(line);
    if (event === undefined) return;
    this.events.push(event);
    this.#serveWaiters();
  }

  #serveWaiters(): void {
    for (const waiter of this.#waiters) {
      const index = this.events.findIndex((event, at) => at >= this.#taken && waiter.matches(event));
      const event = this.events[index];
      if (event === undefined) {
        if (this.#over) this.#fail(waiter, "it has ended");
        continue;
      }
      this.#taken = index + 1;
      waiter.resolve(event);
    }
  }

  #end(resolve: (how: number | string) => void, how: number | string): void {
    this.#over = true;
    this.#output.push(`(ended: ${how})`);
    this.#serveWaiters();
    resolve(how);
  }

  #fail(waiter: Waiter, reason: string): void {
    waiter.reject(new Error(`${this.#title}: waited for an event in vain: ${reason}`));
  }
}

/** The event's field as a number; throws when it is none: then the program does not print what it should. */
export function numberIn(event: ProcessEvent, field: string): number {
  const value = event.fields[field];
  if (typeof value !== "number") throw new Error(`${field} is no number in ${JSON.stringify(event.fields)}`);
  return value;
}

/** The event's field as text; throws when it is none. */
export function textIn(event: ProcessEvent, field: string): string {
  const value = event.fields[field];
  if (typeof value !== "string") throw new Error(`${field} is no text in ${JSON.stringify(event.fields)}`);
  return value;
}

/** Lines that are not of this form (a server's log lines) are part of the transcript only. */
function eventOf(line: string): ProcessEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const fields: Record<string, unknown> = JSON.parse(line);
    const event = fields["event"];
    return typeof event === "string" ? { event, fields } : undefined;
  } catch {
    return undefined;
  }
}
