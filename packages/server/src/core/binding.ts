/** Binding (RFC 8489): keeps a NAT's mapping alive, and tells a peer its mapped address. */
import { Attribute, ErrorCode, encodeBound, encodeRefusal } from "@fractal-punch/wire";
import { isDiscovery, maxPaddedBytes, routeOf } from "./discovery.ts";
import type { Outcome, Refused } from "./outcome.ts";
import { type Question, reasonOf, unknownAttributeBytes } from "./question.ts";
import type { ServerState } from "./state.ts";

/**
 * The answer is larger than its question, as the RFC wants it; a rate for each prefix holds it. Known 5-tuples pass by
 * it when they want no more than their mapped address; who asks by TCP has proven where it is.
 */
export function handleBinding(state: ServerState, question: Question, unknown: readonly number[]): Outcome {
  const { now, port, from, message, tuple } = question;
  const discovers = isDiscovery(message);
  const isKnown = (tuple?.trust ?? 0) > 0;
  const isHeld = (!isKnown || discovers) && !state.ports.isStream(port);
  if (isHeld && !state.buckets.bindings.take(now, from)) return "prefix-rate";
  if (unknown.length > 0) return refuseBinding(state, question, { code: ErrorCode.unknownAttribute, unknown });
  const isKeepalive = isKnown || message.has(Attribute.epoch);
  return isKeepalive && !discovers ? answerKeepalive(state, question) : answerDiscovery(state, question);
}

function answerKeepalive(state: ServerState, { port, from, message, options, out }: Question): Outcome {
  out.send(port, from, encodeBound(state.builder, message.transactionId, from, epochFor(state, message)), options);
  return "served";
}

function answerDiscovery(state: ServerState, question: Question): Outcome {
  const { port, from, message, options, out } = question;
  const route = routeOf(state, question);
  if ("code" in route) return refuseBinding(state, question, route);
  const bytes = encodeBound(state.builder, message.transactionId, from, epochFor(state, message), {
    origin: route.origin,
    other: route.other,
    totalBytes: message.has(Attribute.padding) ? Math.min(message.bytes.length, maxPaddedBytes) : undefined,
  });
  out.send(route.port, from, bytes, route.port === port ? options : undefined);
  return "served";
}

function epochFor(state: ServerState, message: Question["message"]): Uint8Array | undefined {
  return message.has(Attribute.epoch) ? state.epoch : undefined;
}

function refuseBinding(state: ServerState, question: Question, refusal: Refused): Outcome {
  const { port, from, message, options, out } = question;
  const { code, unknown } = refusal;
  const bytes =
    unknown === undefined
      ? encodeRefusal(state.builder, message.method, message.transactionId, { code, reason: reasonOf(code) })
      : unknownAttributeBytes(state, message, unknown);
  out.send(port, from, bytes, options);
  return refusal;
}
