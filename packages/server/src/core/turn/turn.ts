/** TURN's requests (RFC 8656): who asks, about which allocation, and what becomes of it. */
import { Attribute, ErrorCode, Method, requestedTransportOf, type StunMessage, Transport } from "@fractal-punch/wire";
import type { Outcome } from "../outcome.ts";
import type { Question } from "../question.ts";
import type { ServerState } from "../state.ts";
import { allocate } from "./allocate.ts";
import { refuseAsker, refuseStranger, refuseUnknown } from "./answers.ts";
import { type Asker, askerOf } from "./asker.ts";
import { bindChannel, createPermission, refresh } from "./changes.ts";
import { bindConnection } from "./connection-bind.ts";
import { moveAllocation, settleMove } from "./move.ts";
import { relaySend } from "./relaying.ts";
import { connectToPeer } from "./tcp-connect.ts";
import type { TurnState } from "./turn-state.ts";

/**
 * Answers it, or gives `undefined` when the answer follows. What is not known to come from a user is held by a rate: a
 * challenge is larger than its question.
 */
export function handleTurn(
  state: ServerState,
  turn: TurnState,
  question: Question,
  unknown: readonly number[],
): Outcome | undefined {
  const asker = askerOf(state, turn, question);
  if (typeof asker === "number") return challenge(state, turn, question, asker);
  const isMisplaced = wantsWholeSegments(question.message, unknown);
  if (unknown.length > 0 && !isMisplaced) {
    refuseUnknown(state, question, asker, unknown);
    return { code: ErrorCode.unknownAttribute };
  }
  const result = isMisplaced ? ErrorCode.badRequest : change(state, turn, question, asker);
  if (typeof result === "string") return result === "later" ? undefined : "served";
  refuseAsker(state, question, asker, result);
  return { code: result };
}

/** A Send indication. Whatever is wrong with it, nobody is told (RFC 8656 section 11.2). */
export function handleSend(
  state: ServerState,
  turn: TurnState,
  { now, tuple, message, out }: Question,
  unknown: readonly number[],
): void {
  const allocation = tuple?.allocation;
  if (allocation?.transport !== "udp") return state.counters.dropped.add("no-allocation");
  if (tuple !== allocation.tuple) settleMove(state, turn, now, allocation);
  const outcome =
    unknown.length === 0 ? relaySend({ state, turn, now, out }, allocation, message) : "unknown-attribute";
  state.counters.relayed("send", outcome, message.bytes);
}

/** One who has an allocation needs a fresh nonce at times, but no other challenge: those anybody can ask for in its name. */
function challenge(state: ServerState, turn: TurnState, question: Question, code: ErrorCode): Outcome {
  const { challenges } = state.counters;
  const { unauthenticated } = state.buckets;
  const { now, from } = question;
  const isTrusted = (question.tuple?.trust ?? 0) > 0;
  const isProven = code === ErrorCode.staleNonce;
  if (isTrusted && !isProven && !unauthenticated.admitsSome(now, from)) return "prefix-rate";
  if (!isTrusted || !isProven) unauthenticated.charge(now, from);
  challenges.questionBytes += question.message.bytes.length;
  challenges.answerBytes += refuseStranger(state, question, turn.credentials.realm, code);
  return { code };
}

function change(state: ServerState, turn: TurnState, question: Question, asker: Asker): ErrorCode | "served" | "later" {
  const { method } = question.message;
  if (method === Method.allocate) return allocate(state, turn, question, asker);
  if (method === Method.connectionBind) return bindConnection(state, turn, question, asker);
  const ticket = method === Method.refresh ? question.message.value(Attribute.mobilityTicket) : undefined;
  if (ticket !== undefined) return moveAllocation(state, turn, question, asker, ticket);
  const allocation = question.tuple?.allocation;
  if (allocation === undefined) return ErrorCode.allocationMismatch;
  if (allocation.user.username !== asker.user.username) return ErrorCode.wrongCredentials;
  if (question.tuple !== allocation.tuple) settleMove(state, turn, question.now, allocation);
  const request = { question, asker, allocation };
  switch (method) {
    case Method.refresh:
      return refresh(state, turn, request);
    case Method.createPermission:
      return createPermission(state, turn, request);
    case Method.channelBind:
      return bindChannel(state, turn, request);
    case Method.tcpConnect:
      return connectToPeer(state, turn, request);
    default:
      return ErrorCode.badRequest;
  }
}

/** DONT-FRAGMENT in an Allocate for TCP: refused as misplaced, not as unknown (RFC 6062 section 5.1). */
function wantsWholeSegments(message: StunMessage, unknown: readonly number[]): boolean {
  const isAlone = unknown.length === 1 && unknown[0] === Attribute.dontFragment;
  return isAlone && message.method === Method.allocate && requestedTransportOf(message) === Transport.tcp;
}
