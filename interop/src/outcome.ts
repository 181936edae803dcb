/** What became of a case. */
import type { Case } from "./case.ts";
import { cases, unsupported } from "./cases.ts";
import { type CommandWords, filledIn } from "./command-words.ts";
import { runProgram } from "./program.ts";

export type Mark = "passed" | "FAILED" | "not supported" | "SKIPPED";

export interface Outcome {
  readonly name: string;
  readonly mark: Mark;
  /** What was seen, or why nothing was. */
  readonly seen: string;
  readonly seconds?: number;
  readonly command?: string;
  /** What a program printed that failed. */
  readonly output?: string;
}

/** No case takes longer where all is well. */
const limitMs = 30_000;

/** What the programs wait for is mostly their own timers. */
const atOnce = 3;

export interface Surroundings {
  readonly words: CommandWords;
  readonly missingPackages: readonly string[];
  /** What `ticket turn` says that the server serves TURN at. */
  readonly urls: readonly string[];
}

/** The outcomes in the order of the table, each as soon as all before it are known. */
export async function* outcomes(wanted: (name: string) => boolean, around: Surroundings): AsyncGenerator<Outcome> {
  const listed = cases.filter(({ name }) => wanted(name));
  const running = listed.slice(0, atOnce).map((one) => outcomeOf(one, around));
  for (const [at] of listed.entries()) {
    const outcome = await running[at];
    const next = listed[at + atOnce];
    if (next !== undefined) running.push(outcomeOf(next, around));
    if (outcome !== undefined) yield outcome;
  }
  for (const { name, reason } of unsupported) if (wanted(name)) yield { name, mark: "not supported", seen: reason };
}

async function outcomeOf(one: Case, { words, missingPackages, urls }: Surroundings): Promise<Outcome> {
  const { name, command, judge, transport } = one;
  const missing = missingPackages.find((debianPackage) => debianPackage === packageOf(command));
  if (missing !== undefined) return { name, mark: "SKIPPED", seen: `the package ${missing} is not installed` };
  const refusal = transport && refusalOf(transport, urls);
  if (refusal !== undefined) return { name, mark: "not supported", seen: refusal };
  const [program, ...args] = filledIn(command, words);
  const { code, output, seconds } = await runProgram(program, args, limitMs);
  const { holds, seen } = judge({ code, output, seconds });
  const mark = holds ? "passed" : "FAILED";
  return { name, mark, seen, seconds, command, ...(!holds && { output: `${output}(ended: ${code})` }) };
}

function packageOf(command: string): string {
  if (command.includes("chromium")) return "chromium";
  return command.startsWith("python3 ") ? "python3-aioice" : "coturn";
}

function refusalOf(transport: "tcp" | "tls", urls: readonly string[]): string | undefined {
  const isOffered = urls.some((url) => (transport === "tls" ? url.startsWith("turns:") : isTcp(url)));
  return isOffered ? undefined : `"ticket turn" names no TURN over ${transport.toUpperCase()}: it is not there yet`;
}

function isTcp(url: string): boolean {
  return url.startsWith("turn:") && url.endsWith("transport=tcp");
}
