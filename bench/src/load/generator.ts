/** A program of the bench: the load generator. Its one argument is a `Spec`; it prints what it measured, and ends. */
import { setTimeout as sleep } from "node:timers/promises";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { Exchanges, type Questions } from "./exchanges.ts";
import { introductionQuestions, refreshQuestions } from "./host-questions.ts";
import { LineIo } from "./line-io.ts";
import { openPaths } from "./paths.ts";
import type { Measurable, Measured, Run, Spec } from "./spec.ts";
import { Traffic } from "./traffic.ts";
import { allocateQuestions, challengeQuestions } from "./turn-questions.ts";

const spec: Spec = JSON.parse(process.argv[2] ?? "");
const { primitives } = await loadPrimitives();
const io = new LineIo();
const all = spec.runs.map(measurable);
const measured: Measured[] = [];
for (let round = 0; round < spec.rounds; round++) {
  for (const traffic of all) {
    measured.push(traffic.measure(round, spec));
    if (spec.restMs > 0) await sleep(spec.restMs);
  }
}
console.log(JSON.stringify({ event: "measured", measured }));

function measurable(run: Run): Measurable {
  const questions = questionsOf(run);
  return questions ? new Exchanges(io, run, questions) : new Traffic(io, run, openPaths(io, primitives, run));
}

/** `undefined` where it is datagrams on their way that are measured. */
function questionsOf(run: Run): Questions | undefined {
  const { route } = run;
  if (route.kind === "refresh") return refreshQuestions(io, primitives, { ...run, route });
  if (route.kind === "introduction") return introductionQuestions(io, primitives, { ...run, route });
  if (route.kind === "challenge") return challengeQuestions(io, { ...run, route });
  if (route.kind === "allocate") return allocateQuestions(io, { ...run, route });
  return undefined;
}
