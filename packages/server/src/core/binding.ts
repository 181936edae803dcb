/** Binding (RFC 8489): keeps a NAT's mapping alive, and tells a peer its mapped address. */
import { Attribute, encodeBound } from "@fractal-punch/wire";
import type { Outcome } from "./outcome.ts";
import { type Question, unknownAttributeBytes } from "./question.ts";
import type { ServerState } from "./state.ts";

/** The answer is larger than its question, as the RFC wants it; a rate for each prefix holds it. */
export function handleBinding(state: ServerState, question: Question, unknown: readonly number[]): Outcome {
  const { now, port, from, message, out } = question;
  const passes = (question.tuple?.trust ?? 0) > 0 || state.buckets.bindings.take(now, from);
  if (!passes) return "prefix-rate";
  const bytes =
    unknown.length > 0
      ? unknownAttributeBytes(state, message, unknown)
      : encodeBound(state.builder, message.transactionId, from, message.has(Attribute.epoch) ? state.epoch : undefined);
  out.send(port, from, bytes, question.options);
  return "served";
}
