/** Register (docs/protocol.md section 4): a host proves its key and becomes reachable, and how that ends. */
import { hkdfSha256, type Outbox, randomBytes } from "@fractal-punch/machine";
import {
  Attribute,
  asciiBytes,
  decodeRegistration,
  ErrorCode,
  encodeRegistered,
  encodeRegistrationEnd,
  integrityMatches,
  isLeaving,
  macMatches,
  type Registration as RegistrationRequest,
  refreshSequence,
  type TlsEntrance,
  xorAddress,
} from "@fractal-punch/wire";
import type { RegistrationEnd, ServerEvent } from "./events.ts";
import type { Leg } from "./legs.ts";
import { type Outcome, refused } from "./outcome.ts";
import { answer, type Question, reasonOf } from "./question.ts";
import { Registration } from "./registration.ts";
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
  const registration = state.registrations.find(hostKey);
  if (registration?.isAt(question.port, from) !== true) return refused(ErrorCode.unauthenticated);
  if (!integrityMatches(state.primitives, registration.key, message)) return refused(ErrorCode.unauthenticated);
  const sequence = refreshSequence(message);
  if (sequence === undefined) return "malformed";
  return isLeaving(message)
    ? leave(state, question, registration, sequence)
    : renew(state, question, registration, sequence);
}

/** The host goes, in this family; its channels end when nothing more travels over them. */
function leave(state: ServerState, question: Question, registration: Registration, sequence: number): Outcome {
  const { legs } = state.registrations;
  const leg = registration.leg(question.from.family);
  if (sequence <= legs.sequence(leg)) return "replay";
  legs.setSequence(leg, sequence);
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
  const known = state.registrations.find(hostKey);
  if (known?.isOf(request.instance) === true && isReplay(state, known, question, request.sequence)) return "replay";
  const registration = registrationFor(state, question, ticket, request, dh);
  if (!(registration instanceof Registration)) return refused(registration, key);
  return renew(state, question, registration, request.sequence);
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
  const { hostKey: host, instance } = request;
  const older = registrations.find(host);
  if (older?.hasReplaced(instance) === true) return ErrorCode.replaced;
  const counted = older?.ticket.username === ticket.username;
  if (!counted && registrations.idsUnder(ticket.username) >= limits.idsPerTicket) {
    return ErrorCode.limitReached;
  }
  if (older === undefined && registrations.isFull) return ErrorCode.serverFull;
  if (older?.isOf(instance) === true && counted) return older;
  const account = quotas.open(ticket.name, ticket.expiresAtMs);
  if (account === "full") return ErrorCode.serverFull;
  if (older?.isOf(instance) === true) {
    if (older.account !== undefined) quotas.close(older.account);
    registrations.changeTicket(older, ticket, account);
    return older;
  }
  const replaced = registrations.replacedBy(older);
  if (older !== undefined) endRegistration(state, older, "replaced", question.out);
  const key = hkdfSha256(primitives, dh, instance, registrationInfo);
  return registrations.add({ host, instance, key, replaced, ticket, account });
}

/** Takes the sequence number, and answers; to a repeat, whose answer was lost, it answers only. */
function renew(state: ServerState, question: Question, registration: Registration, sequence: number): Outcome {
  const { now, from, port } = question;
  const { registrations } = state;
  if (isReplay(state, registration, question, sequence)) return "replay";
  const isNews = !registration.isAt(port, from);
  const leg = registration.leg(from.family);
  if (isNews || registrations.legs.sequence(leg) !== sequence) {
    const endsAt = now + state.limits.registrationLifeMs;
    if (isNews) registrations.place(registration, question, sequence, endsAt);
    else registrations.legs.renew(leg, sequence, endsAt);
    state.streams.trust(now, port, from);
    watchTicket(state, now, registration);
    registrations.settle(registration);
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
function isReplay(state: ServerState, registration: Registration, { from, port }: Question, sequence: number): boolean {
  const { legs } = state.registrations;
  const leg = registration.leg(from.family);
  if (legs.state(leg) === "absent" || sequence > legs.sequence(leg)) return false;
  return sequence < legs.sequence(leg) || !registration.isAt(port, from);
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
  for (const leg of registration.liveLegs) {
    const transactionId = randomBytes(state.random, 12);
    const { port, address, options } = registration.reach(leg);
    const bytes = encodeRegistrationEnd(state.builder, transactionId, code, reasonOf(code), signature);
    out.send(port, address, bytes, options);
  }
  emitEnd(registration, cause, out);
  forget(state, registration);
}

/** So many legs lapse in one call at most: when a million are due at once, datagrams have their turns in between. */
const lapsesAtOnce = 1_000;

/** Lapses what was not refreshed. */
export function wakeRegistrations(state: ServerState, now: number, out: Outbox<ServerEvent>): void {
  const { registrations } = state;
  for (let turns = lapsesAtOnce; turns > 0; turns--) {
    const leg = registrations.legs.due(now);
    if (leg === undefined) return;
    wakeRegistration(state, now, registrations.ofLeg(leg), out);
  }
}

/** Its own time has come, or one of its legs'. A registration that has lapsed is kept as long as it has channels. */
export function wakeRegistration(
  state: ServerState,
  now: number,
  registration: Registration,
  out: Outbox<ServerEvent>,
): void {
  if (state.tickets.hasExpired(now, registration.ticket)) return endRegistration(state, registration, "expired", out);
  const { legs } = state.registrations;
  const lapsing = registration.liveLegs.filter((leg) => legs.endsAt(leg) <= now);
  lapse(state, now, registration, lapsing, "lapsed", out);
}

/**
 * Hosts that were registered by a stream are not reachable without it. Their channels go over to where they are registered
 * otherwise, or wait for them.
 */
export function hostStreamEnded(state: ServerState, now: number, tuple: Tuple, out: Outbox<ServerEvent>): void {
  for (const registration of tuple.hosts ?? []) {
    lapse(state, now, registration, [registration.leg(tuple.address.family)], "lapsed", out);
    state.registrations.moveChannels(registration, tuple);
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
  const { registrations, limits } = state;
  const isOver = lapsing.length === registration.liveLegs.length;
  if (isOver) emitEnd(registration, cause, out);
  for (const leg of lapsing) registrations.lapse(registration, leg);
  if (!isOver) watchTicket(state, now, registration);
  else if (!registrations.hasChannels(registration)) forget(state, registration);
  else registrations.arm(registration, now + limits.channelLifeMs);
}

/** A ticket that ends before the host's next refresh is due ends the registration in time. */
function watchTicket({ clock, limits, registrations }: ServerState, now: number, registration: Registration): void {
  const expiresAt = clock.at(registration.ticket.expiresAtMs);
  registrations.arm(registration, expiresAt < now + limits.registrationLifeMs ? expiresAt : undefined);
}

function emitEnd(registration: Registration, cause: RegistrationEnd, out: Outbox<ServerEvent>): void {
  const { hostId, ticket, isLive } = registration;
  if (isLive) out.emit({ type: "registration-ended", hostId, name: ticket.name, cause });
}

function forget(state: ServerState, registration: Registration): void {
  const { account } = registration;
  state.registrations.remove(registration);
  if (account !== undefined) state.quotas.close(account);
}
