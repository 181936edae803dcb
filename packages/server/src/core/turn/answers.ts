/** Answers to TURN requests: protected as their questions were, or with what is needed to ask properly. */
import { Attribute, ErrorCode, MessageClass, type StunBuilder } from "@fractal-punch/wire";
import { type Question, reasonOf } from "../question.ts";
import type { ServerState } from "../state.ts";
import { type Asker, freshNonce, offer } from "./asker.ts";

/** Sends what was built last, protected. */
export function sendProtected(state: ServerState, builder: StunBuilder, question: Question, asker: Asker): void {
  const { port, from, options, out } = question;
  if (asker.sha256) builder.integrity(state.primitives, asker.key);
  else builder.integritySha1(state.primitives, asker.key);
  out.send(port, from, builder.fingerprint().bytes(), options);
}

/** An error response to somebody who is known. */
export function refuseAsker(state: ServerState, question: Question, asker: Asker, code: ErrorCode): void {
  const { builder } = state;
  beginError(builder, question, code);
  sendProtected(state, builder, question, asker);
}

/** 420, with the attributes that are not known (RFC 8489 section 6.3.1). */
export function refuseUnknown(state: ServerState, question: Question, asker: Asker, unknown: readonly number[]): void {
  const { builder } = state;
  beginError(builder, question, ErrorCode.unknownAttribute);
  sendProtected(state, builder.u16s(Attribute.unknownAttributes, unknown), question, asker);
}

/** An error response to nobody known: with 401 and 438 a realm, a nonce and the algorithms to ask again with. */
export function refuseStranger(state: ServerState, question: Question, realm: string, code: ErrorCode): number {
  const { builder } = state;
  const { port, from, options, out } = question;
  beginError(builder, question, code);
  if (code === ErrorCode.unauthenticated || code === ErrorCode.staleNonce) {
    builder.text(Attribute.realm, realm).attribute(Attribute.nonce, freshNonce(state, question));
    builder.attribute(Attribute.passwordAlgorithms, offer);
  }
  const bytes = builder.fingerprint().bytes();
  out.send(port, from, bytes, options);
  return bytes.length;
}

function beginError(builder: StunBuilder, { message }: Question, code: ErrorCode): void {
  builder.begin(MessageClass.error, message.method, message.transactionId).error(code, reasonOf(code));
}
