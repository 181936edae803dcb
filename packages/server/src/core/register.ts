/** Register (docs/protocol.md section 4): a host proves its key and becomes reachable, and how that ends. */
import { hkdfSha256, type Outbox, randomBytes } from "@fractal-punch/machine";
import {
  Attribute,
  asciiBytes,
  asciiText,
  decodeRegistration,
  ErrorCode,
  encodeRegistered,
  encodeRegistrationEnd,
  integrityMatches,
  isLeaving,
  macMatches,
  type Registration as RegistrationRequest,
  type TlsEntrance,
  xorAddress,
} from "@fractal-punch/wire";
import type { RegistrationEnd, ServerEvent } from "./events.ts";
import { type Outcome, refused } from "./outcome.ts";
import { answer, type Question, reasonOf } from "./question.ts";
import { type Leg, Registration } from "./registrations.ts";
import type { ServerState } from "./state.ts";
import type { HostTicket } from "./tickets.ts";
import type { Tuple } from "./tuples.ts";
import { isTurnClient } from "./turn/turn-state.ts";

const registrationInfo = asciiBytes("fractal-punch registration");

export function handleRegister(state: ServerState, question: Question): Outcome {
  const { message } = question;
  const hostKey = message.fixed(Attribute.hostId, 32);
  if (hostKey === undefined) return refused(ErrorCode.badRequest);
  if (message.has(Attribute.hostProof)) return prove(state, question, hostKey);
  if (message.has(Attribute.messageIntegritySha256)) return refresh(state, question, hostKey);
  return refused(ErrorCode.unauthenticated);
}

function refresh(state: ServerState, question: Question, hostKey: Uint8Array): Outcome {
  const { message, from } = question;
  const registration = state.registrations.find(asciiText(hostKey));
  const leg = registration?.leg(from.family);
  if (registration === undefined || leg === undefined || !leg.live || leg.tuple !== question.tuple) {
    return refused(ErrorCode.unauthenticated);
  }
  if (!integrityMatches(state.primitives, registration.key, message)) return refused(ErrorCode.unauthenticated);
  const request = decodeRegistration(message);
  if (request === undefined) return "malformed";
  return isLeaving(message)
    ? leave(state, question, registration, leg, request)
    : renew(state, question, registration, request);
}

/** The host goes, in this family; its channels end when nothing more travels over them. */
function leave(
  state: ServerState,
  question: Question,
  registration: Registration,
  leg: Leg,
  request: RegistrationRequest,
): Outcome {
  if (request.sequence <= leg.sequence) return "replay";
  leg.sequence = request.sequence;
  const answered = answer(question, registeredBytes(state, question, registration, 0));
  lapse(state, question.now, registration, [leg], "left", question.out);
  return answered;
}

function prove(state: ServerState, question: Question, hostKey: Uint8Array): Outcome {
  const { message, now, from } = question;
  const nonce = message.value(Attribute.nonce);
  if (nonce === undefined) return refused(ErrorCode.unauthenticated);
  if (!state.nonces.matches(nonce, from, state.ports.isStream(question.port), state.clock.epochMs(now)))
    return refused(ErrorCode.staleNonce);
  const admitted = state.tickets.admit(now, message);
  if ("code" in admitted) return admitted;
  const { ticket, key } = admitted;
  if (ticket.kind !== "host") return refused(ErrorCode.ticketScope, key);
  if (isTurnClient(state.turn, question.tuple)) return refused(ErrorCode.allocationMismatch, key);
  if (!state.buckets.registers.take(now, ticket.username)) return "ticket-rate";
  const dh = state.primitives.dh(state.serverKey.secret, hostKey);
  if (dh === undefined || !macMatches(state.primitives, dh, message, Attribute.hostProof)) {
    return refused(ErrorCode.badRequest, key);
  }
  const request = decodeRegistration(message);
  if (request === undefined) return refused(ErrorCode.badRequest, key);
  const known = state.registrations.find(asciiText(hostKey));
  if (known?.instance === asciiText(request.instance) && isReplay(known, question, request)) return "replay";
  const registration = registrationFor(state, question, ticket, request, dh);
  if (!(registration instanceof Registration)) return refused(registration, key);
  return renew(state, question, registration, request);
}

/** The registration of this instance: the one there is, or a new one in place of an older instance's. */
function registrationFor(
  state: ServerState,
  question: Question,
  ticket: HostTicket,
  request: RegistrationRequest,
  dh: Uint8Array,
): Registration | ErrorCode {
  const { registrations, quotas, limits, primitives } = state;
  const host = asciiText(request.hostKey);
  const instance = asciiText(request.instance);
  const older = registrations.find(host);
  if (older?.replaced.includes(instance)) return ErrorCode.replaced;
  const counted = older?.ticket.username === ticket.username;
  if (!counted && registrations.idsUnder(ticket.username) >= limits.idsPerTicket) {
    return ErrorCode.limitReached;
  }
  if (older === undefined && registrations.isFull) return ErrorCode.serverFull;
  if (older?.instance === instance && counted) return older;
  const account = quotas.open(ticket.name, ticket.expiresAtMs);
  if (account === "full") return ErrorCode.serverFull;
  if (older?.instance === instance) {
    if (older.account !== undefined) quotas.close(older.account);
    registrations.changeTicket(older, ticket, account);
    return older;
  }
  const replaced = registrations.replacedBy(older);
  if (older !== undefined) endRegistration(state, older, "replaced", question.out);
  const key = asciiText(hkdfSha256(primitives, dh, request.instance, registrationInfo));
  const registration = new Registration({ host, instance, key, replaced, ticket, account }, state.deadlines);
  registrations.add(registration);
  return registration;
}

/** Takes the sequence number, and answers; to a repeat, whose answer was lost, it answers only. */
function renew(
  state: ServerState,
  question: Question,
  registration: Registration,
  request: RegistrationRequest,
): Outcome {
  const { now, from, port } = question;
  if (isReplay(registration, question, request)) return "replay";
  const leg = registration.leg(from.family);
  if (leg?.sequence !== request.sequence) {
    const tuple = state.tuples.open(port, from, question.options);
    const isNews = leg?.tuple !== tuple || !leg.live;
    state.registrations.place(registration, tuple, request.sequence, now + state.limits.registrationLifeMs);
    state.streams.trust(now, port, from);
    state.deadlines.set(registration.deadline, dueAt(state, registration));
    if (isNews) announce(state, question, registration);
  }
  return answer(question, registeredBytes(state, question, registration, state.limits.registrationLifeMs / 1000));
}

function registeredBytes(
  state: ServerState,
  { now, from, message }: Question,
  registration: Registration,
  lifetimeSeconds: number,
): Uint8Array {
  const timeMs = Math.floor(state.clock.epochMs(now));
  // A refresh, which has no room for it, was preceded by a proof.
  const tls = message.has(Attribute.hostProof) ? tlsEntrance(state) : undefined;
  const registered = { mapped: from, lifetimeSeconds, timeMs, epoch: state.epoch, ...(tls && { tls }) };
  const signature = { macs: state.primitives, key: registration.key };
  return encodeRegistered(state.builder, message.transactionId, registered, signature);
}

function tlsEntrance({ ports: { tlsPort: port }, tlsKeyHash: keyHash }: ServerState): TlsEntrance | undefined {
  return port === undefined || keyHash === undefined ? undefined : { port, keyHash };
}

/** Whether the sequence number has not grown, other than in a repeat from the registered address. */
function isReplay(registration: Registration, question: Question, { sequence }: RegistrationRequest): boolean {
  const leg = registration.leg(question.from.family);
  if (leg === undefined || sequence > leg.sequence) return false;
  return sequence < leg.sequence || !leg.live || leg.tuple !== question.tuple;
}

function announce(state: ServerState, question: Question, registration: Registration): void {
  const { from, out, message } = question;
  const { hostId, ticket } = registration;
  out.emit({ type: "registered", hostId, name: ticket.name, address: from });
  const dialled = xorAddress(message, Attribute.dialledAddress);
  if (dialled !== undefined && state.dialled.isNews(dialled)) out.emit({ type: "public-address", address: dialled });
}

type ToldEnd = Exclude<RegistrationEnd, "lapsed" | "left">;

const endCodes: Record<ToldEnd, ErrorCode> = {
  replaced: ErrorCode.replaced,
  expired: ErrorCode.ticketExpired,
  revoked: ErrorCode.ticketRevoked,
};

/** Ends the registration and its channels, and tells the host under its registration key. */
export function endRegistration(
  state: ServerState,
  registration: Registration,
  cause: ToldEnd,
  out: Outbox<ServerEvent>,
): void {
  const code = endCodes[cause];
  const signature = { macs: state.primitives, key: registration.key };
  for (const { tuple } of registration.liveLegs) {
    const transactionId = randomBytes(state.random, 12);
    const bytes = encodeRegistrationEnd(state.builder, transactionId, code, reasonOf(code), signature);
    out.send(tuple.port, tuple.address, bytes, tuple.options);
  }
  emitEnd(registration, cause, out);
  forget(state, registration);
}

/** Lapses what was not refreshed. A registration that has lapsed is kept as long as it has channels. */
export function wakeRegistration(
  state: ServerState,
  now: number,
  registration: Registration,
  out: Outbox<ServerEvent>,
): void {
  if (state.tickets.hasExpired(now, registration.ticket)) return endRegistration(state, registration, "expired", out);
  const lapsing = registration.liveLegs.filter((leg) => leg.endsAt <= now);
  lapse(state, now, registration, lapsing, "lapsed", out);
}

/**
 * Hosts that were registered by a stream are not reachable without it. Their channels go over to where they are registered
 * otherwise, or wait for them.
 */
export function hostStreamEnded(state: ServerState, now: number, tuple: Tuple, out: Outbox<ServerEvent>): void {
  for (const registration of tuple.hosts ?? []) {
    const lapsing = registration.liveLegs.filter((leg) => leg.tuple === tuple);
    lapse(state, now, registration, lapsing, "lapsed", out);
    const left = registration.legFor(tuple.address.family);
    if (left !== undefined) state.channels.move(registration, tuple, left.tuple);
  }
}

function lapse(
  state: ServerState,
  now: number,
  registration: Registration,
  lapsing: readonly Leg[],
  cause: "lapsed" | "left",
  out: Outbox<ServerEvent>,
): void {
  const isOver = lapsing.length === registration.liveLegs.length;
  if (isOver) emitEnd(registration, cause, out);
  for (const leg of lapsing) state.registrations.lapse(registration, leg);
  if (!isOver) state.deadlines.set(registration.deadline, dueAt(state, registration));
  else if (!state.registrations.hasChannels(registration)) forget(state, registration);
  else state.deadlines.set(registration.deadline, now + state.limits.channelLifeMs);
}

function emitEnd(registration: Registration, cause: RegistrationEnd, out: Outbox<ServerEvent>): void {
  const { hostId, ticket, liveLegs } = registration;
  if (liveLegs.length > 0) out.emit({ type: "registration-ended", hostId, name: ticket.name, cause });
}

function forget(state: ServerState, registration: Registration): void {
  state.registrations.remove(registration);
  state.deadlines.clear(registration.deadline);
  if (registration.account !== undefined) state.quotas.close(registration.account);
}

function dueAt(state: ServerState, registration: Registration): number {
  const lapsesAt = Math.min(...registration.liveLegs.map((leg) => leg.endsAt));
  return Math.min(lapsesAt, state.clock.at(registration.ticket.expiresAtMs));
}
