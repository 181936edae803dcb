/** A program of the bench: the load generator. Its one argument is a `Spec`; it prints what it measured, and ends. */
import { setTimeout as sleep } from "node:timers/promises";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { Exchanges } from "./exchanges.ts";
import { introductionQuestions, refreshQuestions } from "./host-questions.ts";
import { LineIo } from "./line-io.ts";
import { openPaths } from "./paths.ts";
import type { Measurable, Measured, Run, Spec } from "./spec.ts";
import { Traffic } from "./traffic.ts";

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
  const { route } = run;
  if (route.kind === "refresh") return new Exchanges(io, run, refreshQuestions(io, primitives, { ...run, route }));
  if (route.kind === "introduction")
    return new Exchanges(io, run, introductionQuestions(io, primitives, { ...run, route }));
  return new Traffic(io, run, openPaths(io, primitives, run));
}
