// A node:test reporter that writes one JSON line for each finished test. It runs inside the test's own process.
import { inspect } from "node:util";

export default async function* testEvents(source) {
  const titles = [];
  for await (const { type, data } of source) {
    if (type === "test:start") titles.splice(data.nesting, Number.POSITIVE_INFINITY, data.name);
    const line = finished(type, data, titles);
    if (line) yield `${JSON.stringify(line)}\n`;
  }
}

function finished(type, data, titles) {
  if (type === "test:diagnostic" && data.nesting === 0) return { outcome: "note", detail: data.message };
  if (type !== "test:pass" && type !== "test:fail") return undefined;
  const title = [...titles.slice(0, data.nesting), data.name].join(" > ");
  if (type === "test:fail") return failure(title, data);
  // A suite is a heading, not a test of its own; it counts only when a hook of it fails.
  if (data.details.type === "suite") return undefined;
  const reason = data.skip ?? data.todo;
  if (reason === undefined) return { outcome: "passed", title };
  return { outcome: "skipped", title, detail: typeof reason === "string" ? reason : "no reason given" };
}

function failure(title, { details }) {
  const { error } = details;
  // The subtest that failed has its own line.
  if (error.failureType === "subtestsFailed") return undefined;
  return { outcome: "failed", title, detail: withoutNodeFrames(inspect(error.cause ?? error, { depth: 8 })) };
}

function withoutNodeFrames(text) {
  return text.replace(/\n +at [^\n]*\bnode:internal[^\n]*?( \{)?(?=\n|$)/g, "$1");
}
