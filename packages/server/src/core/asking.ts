/** Who takes which question, and the door in front of those that cost cryptography. */
import { ErrorCode, MessageClass, Method } from "@fractal-punch/wire";
import { handleBinding } from "./binding.ts";
import { handleConnect } from "./connect.ts";
import type { ServedWord } from "./counters.ts";
import { knownAttributes } from "./known-attributes.ts";
import type { Drop, Outcome } from "./outcome.ts";
import { type Question, refuse } from "./question.ts";
import { handleRegister } from "./register.ts";
import { handleReport } from "./report.ts";
import type { ServerState } from "./state.ts";
import { handleSend, handleTurn } from "./turn/turn.ts";
import type { TurnState } from "./turn/turn-state.ts";

type Handle = (state: ServerState, question: Question) => Outcome;

/** Outcomes that a valid ticket's own bucket pays for, not its prefix's. */
const ticketsOwn: ReadonlySet<ErrorCode | Drop | "served"> = new Set([
  "served",
  "ticket-rate",
  "answer-too-large",
  ErrorCode.limitReached,
  ErrorCode.serverFull,
]);

const turnWords: ReadonlyMap<number, ServedWord> = new Map([
  [Method.allocate, "allocate"],
  [Method.refresh, "refresh"],
  [Method.createPermission, "create-permission"],
  [Method.channelBind, "channel-bind"],
  [Method.tcpConnect, "tcp-connect"],
  [Method.connectionBind, "connection-bind"],
]);

/** Answers a STUN message that is well-formed, and counts it. */
export function ask(state: ServerState, question: Question): void {
  const { method, messageClass } = question.message;
  if (messageClass === MessageClass.request) return request(state, question, method);
  if (messageClass === MessageClass.indication && method === Method.report)
    return guard(state, "report", question, handleReport);
  if (messageClass === MessageClass.indication && method === Method.send && state.turn !== undefined)
    return handleSend(state, state.turn, question, unknownOf(question));
  state.counters.dropped.add("no-question");
}

function request(state: ServerState, question: Question, method: number): void {
  const { counters, turn } = state;
  switch (method) {
    case Method.binding:
      return counters.outcome("binding", handleBinding(state, question, unknownOf(question)));
    case Method.register:
      return guard(state, "register", question, handleRegister);
    case Method.connect:
      return guard(state, "connect", question, handleConnect);
  }
  const word = turnWords.get(method);
  if (turn === undefined || word === undefined) counters.dropped.add("no-question");
  else guardTurn(state, word, turn, question);
}

function guardTurn(state: ServerState, word: ServedWord, turn: TurnState, question: Question): void {
  const { counters } = state;
  const shut = shutFor(state, question);
  if (shut !== undefined) return counters.dropped.add(shut);
  const outcome = handleTurn(state, turn, question, unknownOf(question));
  if (outcome !== undefined) counters.outcome(word, outcome);
}

/**
 * The door to what costs cryptography. What is not served pays into its prefix's bucket; known 5-tuples pass by, and of
 * an overfull prefix a few get their chance.
 */
function guard(state: ServerState, word: ServedWord, question: Question, handle: Handle): void {
  const { now, from, tuple, message } = question;
  const { counters, buckets } = state;
  const shut = shutFor(state, question);
  if (shut !== undefined) return counters.dropped.add(shut);
  const trusted = tuple !== undefined && tuple.trust > 0;
  const unknown = unknownOf(question);
  const outcome = unknown.length > 0 ? { code: ErrorCode.unknownAttribute, unknown } : handle(state, question);
  const isRefusal = typeof outcome === "object";
  if (!trusted && !ticketsOwn.has(isRefusal ? outcome.code : outcome)) buckets.unauthenticated.charge(now, from);
  const isAnswered = isRefusal && message.messageClass === MessageClass.request;
  counters.outcome(word, isAnswered ? refuse(state, question, outcome) : outcome);
}

/** Why the door is shut: on the wrong port, or for a prefix that has proven nothing too often. */
function shutFor(
  { buckets, ports }: ServerState,
  { now, from, port, tuple }: Question,
): "wrong-port" | "prefix-rate" | undefined {
  if (!ports.isMain(port)) return "wrong-port";
  const trusted = tuple !== undefined && tuple.trust > 0;
  return trusted || buckets.unauthenticated.admitsSome(now, from) ? undefined : "prefix-rate";
}

function unknownOf({ message }: Question): readonly number[] {
  return message.unknownRequired(knownAttributes(message.method));
}
