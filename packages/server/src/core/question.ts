/** One STUN message in hand, and the two ways to answer it: every answer but a Binding's leaves through this file. */
import type { Address, Outbox, PortId, SendOptions } from "@fractal-punch/machine";
import { Attribute, ErrorCode, encodeRefusal, MessageClass, Method, type StunMessage } from "@fractal-punch/wire";
import type { ServerEvent } from "./events.ts";
import type { Outcome, Refused } from "./outcome.ts";
import type { ServerState } from "./state.ts";
import type { Tuple } from "./tuples.ts";

export interface Question {
  readonly now: number;
  readonly port: PortId;
  readonly from: Address;
  readonly message: StunMessage;
  /** Absent when the server has nothing on that 5-tuple. */
  readonly tuple: Tuple | undefined;
  /** How to answer from the address that was asked. */
  readonly options: SendOptions | undefined;
  readonly out: Outbox<ServerEvent>;
}

/**
 * Sends an answer, unless it is larger than its question: then it would multiply what somebody sends in another's name.
 */
export function answer(question: Question, bytes: Uint8Array): "served" | "answer-too-large" {
  if (bytes.length > question.message.bytes.length) return "answer-too-large";
  question.out.send(question.port, question.from, bytes, question.options);
  return "served";
}

/** Short, because the answer to a refresh has 20 bytes for it. */
const reasons: Record<ErrorCode, string> = {
  [ErrorCode.badRequest]: "Bad Request",
  [ErrorCode.unauthenticated]: "Nonce Needed",
  [ErrorCode.forbidden]: "Forbidden",
  [ErrorCode.mobilityForbidden]: "Mobility Forbidden",
  [ErrorCode.unknownAttribute]: "Unknown Attribute",
  [ErrorCode.allocationMismatch]: "Allocation Mismatch",
  [ErrorCode.staleNonce]: "Stale Nonce",
  [ErrorCode.addressFamilyNotSupported]: "Family Not Supported",
  [ErrorCode.wrongCredentials]: "Wrong Credentials",
  [ErrorCode.unsupportedTransport]: "Transport Not Known",
  [ErrorCode.peerAddressFamilyMismatch]: "Peer Family Mismatch",
  [ErrorCode.connectionAlreadyExists]: "Connection Exists",
  [ErrorCode.connectionTimeout]: "Connection Failed",
  [ErrorCode.ticketWrong]: "Ticket Wrong",
  [ErrorCode.ticketExpired]: "Ticket Expired",
  [ErrorCode.ticketRevoked]: "Ticket Revoked",
  [ErrorCode.ticketScope]: "Other Ticket Needed",
  [ErrorCode.timeOff]: "Time Off",
  [ErrorCode.hostNotRegistered]: "Host Not Here",
  [ErrorCode.replaced]: "Replaced",
  [ErrorCode.limitReached]: "Limit Reached",
  [ErrorCode.serverError]: "Server Error",
  [ErrorCode.serverFull]: "Server Full",
};

export function reasonOf(code: ErrorCode): string {
  return reasons[code];
}

/** The one place where a refusal becomes an error response. */
export function refuse(state: ServerState, question: Question, refusal: Refused): Outcome {
  const { message } = question;
  const bytes =
    refusal.unknown === undefined
      ? refusalBytes(state, question, refusal)
      : unknownAttributeBytes(state, message, refusal.unknown);
  return answer(question, bytes) === "served" ? refusal : "answer-too-large";
}

function refusalBytes(state: ServerState, question: Question, { code, key }: Refused): Uint8Array {
  const { message, now, from } = question;
  const epochMs = Math.floor(state.clock.epochMs(now));
  const asksNonce = code === ErrorCode.unauthenticated || code === ErrorCode.staleNonce;
  const refusal = {
    code,
    reason: reasons[code],
    ...(asksNonce && { nonce: state.nonces.make(from, state.ports.isStream(question.port), epochMs) }),
    ...(asksNonce && message.method === Method.register && { serverKey: state.serverKey.public }),
    ...(code === ErrorCode.timeOff && { timeMs: epochMs }),
  };
  const signature = key && { macs: state.primitives, key };
  return encodeRefusal(state.builder, message.method, message.transactionId, refusal, signature);
}

/** RFC 8489 section 6.3.1. */
export function unknownAttributeBytes(
  state: ServerState,
  message: StunMessage,
  unknown: readonly number[],
): Uint8Array {
  const code = ErrorCode.unknownAttribute;
  state.builder.begin(MessageClass.error, message.method, message.transactionId).error(code, reasons[code]);
  return state.builder.u16s(Attribute.unknownAttributes, unknown).fingerprint().bytes();
}
