/** Connect (docs/protocol.md section 5): introduces a client and a host to each other, and binds their channels. */
import {
  type Approach,
  asciiBytes,
  decodeConnectBody,
  ErrorCode,
  encodeConnected,
  encodeIntroduction,
} from "@fractal-punch/wire";
import { Pair } from "./channels.ts";
import type { Introduction } from "./introductions.ts";
import { type Outcome, refused } from "./outcome.ts";
import { answer, type Question } from "./question.ts";
import type { Registration } from "./registration.ts";
import type { ServerState } from "./state.ts";
import type { ClientTicket } from "./tickets.ts";
import { isTurnClient } from "./turn/turn-state.ts";

/** The success response is never larger; a Connect that is shorter than this could not be answered. */
const connectedBytes = 200;

/** A Connect that has passed its checks. */
interface Approved {
  readonly ticket: ClientTicket;
  /** The ticket's. */
  readonly key: Uint8Array;
  readonly registration: Registration;
  readonly approach: Approach | undefined;
  /** 0 for a Connect that is seen for the first time. */
  readonly introduction: Introduction;
}

export function handleConnect(state: ServerState, question: Question): Outcome {
  const { now, message, from } = question;
  const admitted = state.tickets.admit(now, message);
  if ("code" in admitted) return admitted;
  const { ticket, key } = admitted;
  if (ticket.kind !== "client") return refused(ErrorCode.ticketScope, key);
  const request = decodeConnectBody(message);
  if (request === undefined) return refused(ErrorCode.badRequest, key);
  if (isTurnClient(state.turn, question.tuple)) return refused(ErrorCode.allocationMismatch, key);
  const { approach, nonce } = request;
  if (approach !== undefined && message.bytes.length < connectedBytes) return "answer-too-large";
  const epochMs = state.clock.epochMs(now);
  if (Math.abs(request.timeMs - epochMs) >= state.limits.timeWindowMs) return refused(ErrorCode.timeOff, key);
  const registration = liveRegistration(state, ticket);
  if (registration === undefined) return refused(ErrorCode.hostNotRegistered, key);
  const { introductions } = state;
  const introduction = introductions.find(ticket, message.transactionId);
  const channel = introductions.channel(introduction, from.family);
  if (channel !== 0 && !introductions.isFor(introduction, question.port, from)) return "replay";
  const bound = boundPair(question, introduction, channel);
  const proves = nonce !== undefined && state.nonces.matches(nonce, from, state.ports.isStream(question.port), epochMs);
  if (nonce !== undefined && !proves) return refused(ErrorCode.staleNonce, key);
  if (ticket.open && !proves && bound?.proven !== true) return refused(ErrorCode.unauthenticated, key);
  if (!ticket.connects.take(now, state.rates.connects)) return "ticket-rate";
  const approved = { ticket, key, registration, approach, introduction };
  const pair = bound ?? bind(state, question, approved);
  if (!(pair instanceof Pair)) return refused(pair, key);
  if (proves) {
    state.channels.prove(pair);
    state.streams.trust(now, question.port, from);
  }
  return introduce(state, question, approved, pair);
}

/** The host's registration, if it is one that the ticket is for. */
function liveRegistration(state: ServerState, ticket: ClientTicket): Registration | undefined {
  const registration = state.registrations.find(asciiBytes(ticket.host));
  if (registration?.isLive !== true) return undefined;
  const minter = ticket.minter?.username;
  return minter === undefined || minter === registration.ticket.username ? registration : undefined;
}

/** The pair that the Connect was bound to before, if it has not ended. */
function boundPair({ tuple }: Question, introduction: Introduction, number: number): Pair | undefined {
  const channel = tuple?.channels?.get(number);
  if (channel?.kind !== "session" || channel !== channel.pair.client) return undefined;
  return channel.pair.introduction === introduction ? channel.pair : undefined;
}

function bind(state: ServerState, question: Question, approved: Approved): Pair | ErrorCode {
  const { now, port, from, message, options, out } = question;
  const { ticket, registration, approach } = approved;
  if (approach === undefined) return ErrorCode.badRequest;
  const isNew = approved.introduction === 0;
  if (state.channels.isFull || (isNew && state.introductions.isFull)) return ErrorCode.serverFull;
  const hostLeg = registration.legFor(from.family);
  if (hostLeg === undefined) return ErrorCode.hostNotRegistered;
  if (isNew && !takeIntroduction(state, now, ticket)) return ErrorCode.limitReached;
  const tuple = state.tuples.open(port, from, options);
  const hostTuple = state.registrations.openTuple(registration, hostLeg);
  const pair = state.channels.bind(now, tuple, hostTuple, registration, ticket);
  if (pair === undefined) {
    state.tuples.release(tuple);
    state.tuples.release(hostTuple);
    return ErrorCode.limitReached;
  }
  pair.introduction = isNew ? state.introductions.add(now, ticket, message.transactionId) : approved.introduction;
  state.introductions.place(pair.introduction, port, from, pair.client.number);
  if (isNew) {
    const { hostId } = ticket;
    const { name } = registration.ticket;
    out.emit({ type: "introduced", hostId, name, client: from, clientUsername: ticket.username });
  }
  return pair;
}

function takeIntroduction(state: ServerState, now: number, ticket: ClientTicket): boolean {
  const { rates, buckets } = state;
  return ticket.introductions.take(now, rates.introductions) && buckets.hostIntroductions.take(now, ticket.host);
}

/** Tells both at the same moment; again for each repeat, so that a lost message needs no timer here. */
function introduce(state: ServerState, question: Question, approved: Approved, pair: Pair): Outcome {
  const { now, from, message, out } = question;
  const { builder, primitives, nonces, clock, epoch } = state;
  const { transactionId } = message;
  const { key, registration, approach } = approved;
  const { proven } = pair;
  const connected = {
    mapped: from,
    hostAddresses: registration.addresses,
    channel: pair.client.number,
    nonce: nonces.make(from, pair.client.tuple.isStream, clock.epochMs(now)),
    epoch,
    proven,
  };
  const answerBytes = encodeConnected(builder, transactionId, connected, { macs: primitives, key });
  const sent = answer(question, answerBytes);
  if (sent !== "served") return sent;
  if (!proven) state.rules.addCredit(pair.host.credit, message.bytes.length - answerBytes.length);
  pair.activeAt = now;
  const client = pair.client.tuple.isStream ? undefined : from;
  const introduction = { client, channel: pair.host.number, proven, approach };
  const signature = { macs: primitives, key: registration.key };
  const { port, address, options } = pair.host.tuple;
  out.send(port, address, encodeIntroduction(builder, transactionId, introduction, signature), options);
  return "served";
}
