/** Allocate (RFC 8656 section 7.2): a client asks for a relayed address, or for one of each family. */
import { type Address, type Outbox, type PortId, withPort } from "@fractal-punch/machine";
import { Attribute, asciiText, beginAllocated, ErrorCode, reservationTokenOf } from "@fractal-punch/wire";
import type { ServerEvent } from "../events.ts";
import { type Question, reasonOf } from "../question.ts";
import { isTunnel } from "../special-networks.ts";
import type { ServerState } from "../state.ts";
import { Allocation } from "./allocation.ts";
import { refuseAsker, sendProtected } from "./answers.ts";
import type { Asker } from "./asker.ts";
import { lifetimeMs } from "./lifetime.ts";
import { Opening } from "./openings.ts";
import { ownedQuestion } from "./owned-question.ts";
import type { TurnState } from "./turn-state.ts";
import { wantedPorts, wantedTransport } from "./wanted.ts";

/** A code is a refusal. "later": the answer follows when the ports are open. */
export function allocate(
  state: ServerState,
  turn: TurnState,
  question: Question,
  asker: Asker,
): ErrorCode | "served" | "later" {
  const { message, tuple, port, from, options, out } = question;
  const transactionId = asciiText(message.transactionId);
  if (tuple !== undefined && turn.openings.on(tuple) !== undefined) return "later";
  if (tuple?.allocation?.transactionId === transactionId) {
    if (tuple.allocation.user.username !== asker.user.username) return ErrorCode.wrongCredentials;
    sendAllocated(state, question, asker, tuple.allocation);
    return "served";
  }
  if (tuple !== undefined) return ErrorCode.allocationMismatch;
  if (isTunnel(from)) return ErrorCode.forbidden;
  const transport = wantedTransport(message, state.ports.isStream(port));
  if (typeof transport === "number") return transport;
  const wanted = wantedPorts(message);
  if (typeof wanted === "number") return wanted;
  const ticket = message.value(Attribute.mobilityTicket);
  if (ticket !== undefined && ticket.length > 0) return ErrorCode.badRequest;
  if (ticket !== undefined && transport === "tcp") return ErrorCode.mobilityForbidden;
  const { username, expiresAtMs } = asker.user;
  const { allocations, openings, reservations, holdings } = turn;
  if (holdings.of(username) >= state.limits.allocationsPerUser) return ErrorCode.limitReached;
  if (allocations.size + openings.size + reservations.size >= state.limits.allocations) return ErrorCode.serverFull;
  const token = reservationTokenOf(message);
  if (token !== undefined && !reservations.has(token, username)) return ErrorCode.serverFull;
  // Hosts' names have accounts as well, and a user may be called like one.
  const account = state.quotas.open(`turn ${username}`, expiresAtMs);
  if (account === "full") return ErrorCode.serverFull;
  const kept = token && reservations.take(token, username);
  holdings.add(username);
  const opened = state.tuples.open(port, from, options);
  state.streams.keep(port, from);
  const allocation = new Allocation(transport, opened, asker.user, transactionId, account, state.deadlines);
  const opening = new Opening(
    allocation,
    asker,
    ownedQuestion(question),
    lifetimeMs(state.limits, message),
    kept ? [] : wanted,
  );
  if (kept !== undefined) opening.relays.push(kept);
  proceed(state, turn, question.now, opening, out);
  return "later";
}

/** A port of the opening is open; false when the port is none of TURN's. */
export function relayOpened(
  state: ServerState,
  turn: TurnState,
  now: number,
  port: PortId,
  local: Address,
  out: Outbox<ServerEvent>,
): boolean {
  const opening = turn.openings.take(port);
  if (opening === undefined) return false;
  const wanted = opening.wanted.shift();
  const relayed = state.publicAddresses.find(({ family }) => family === local.family);
  const relay = { port, address: withPort(relayed ?? local, local.port) };
  if (wanted?.port === "kept") opening.kept = relay;
  else opening.relays.push(relay);
  if (wanted?.port === "pair") opening.wanted.unshift({ family: wanted.family, port: "kept" });
  proceed(state, turn, now, opening, out);
  return true;
}

export function relayFailed(
  state: ServerState,
  turn: TurnState,
  now: number,
  port: PortId,
  code: string,
  out: Outbox<ServerEvent>,
): boolean {
  const opening = turn.openings.take(port);
  if (opening === undefined) return false;
  if (opening.wanted[0]?.port === "kept") drawPairAnew(opening, out);
  else if (code !== "EADDRINUSE" && code !== "EACCES") withoutFamily(opening);
  proceed(state, turn, now, opening, out);
  return true;
}

/** Opens what is still wanted, or answers. */
function proceed(state: ServerState, turn: TurnState, now: number, opening: Opening, out: Outbox<ServerEvent>): void {
  for (let wanted = opening.wanted[0]; wanted !== undefined; wanted = opening.wanted[0]) {
    const relayed = state.publicAddresses.find(({ family }) => family === wanted.family);
    const isTaken = (port: number): boolean =>
      relayed !== undefined && turn.allocations.at(opening.allocation.transport, withPort(relayed, port)) !== undefined;
    if (relayed !== undefined && turn.openings.tryNext(opening, state.random, isTaken, out)) return;
    if (wanted.port === "kept") drawPairAnew(opening, out);
    withoutFamily(opening, relayed === undefined ? ErrorCode.addressFamilyNotSupported : ErrorCode.serverFull);
  }
  const { allocation, asker, relays, refusedFamily } = opening;
  const question = { ...opening.question, now, out };
  turn.openings.end(opening);
  const isRevoked = turn.credentials.isRevoked(allocation.user);
  if (isRevoked) for (const relay of relays.splice(0)) out.closePort(relay.port);
  if (isRevoked && opening.kept) out.closePort(opening.kept.port);
  if (relays.length > 0) {
    turn.allocations.add(allocation, relays, now + opening.lifetimeMs);
    allocation.refusedFamily = refusedFamily;
    if (question.message.has(Attribute.mobilityTicket)) allocation.mobility = turn.mobilityTickets.open(allocation);
    if (opening.kept)
      allocation.reservationToken = turn.reservations.keep(now, opening.kept, allocation.user.username, state.random);
    state.counters.outcome("allocate", "served");
    return sendAllocated(state, question, asker, allocation);
  }
  giveUp(state, turn, now, allocation);
  const code = isRevoked ? ErrorCode.unauthenticated : (refusedFamily?.code ?? ErrorCode.serverFull);
  state.counters.outcome("allocate", { code });
  refuseAsker(state, question, asker, code);
}

/** The client is gone, and gets no answer. */
export function abandon(
  state: ServerState,
  turn: TurnState,
  now: number,
  opening: Opening,
  out: Outbox<ServerEvent>,
): void {
  turn.openings.abandon(opening, out);
  giveUp(state, turn, now, opening.allocation);
}

/** It does not come to be. */
function giveUp(state: ServerState, turn: TurnState, now: number, { account, tuple, user }: Allocation): void {
  turn.holdings.remove(user.username);
  if (account !== undefined) state.quotas.close(account);
  state.tuples.release(tuple);
  state.streams.release(now, tuple.port, tuple.address);
}

/** The port above is taken: another even one is tried. */
function drawPairAnew(opening: Opening, out: Outbox<ServerEvent>): void {
  const [{ family } = { family: 4 } as const] = opening.wanted;
  const lower = opening.relays.pop();
  if (lower !== undefined) out.closePort(lower.port);
  opening.wanted[0] = { family, port: "pair" };
}

function withoutFamily(opening: Opening, code: ErrorCode = ErrorCode.addressFamilyNotSupported): void {
  const wanted = opening.wanted.shift();
  if (wanted !== undefined) opening.refusedFamily = { family: wanted.family, code };
}

function sendAllocated(state: ServerState, question: Question, asker: Asker, allocation: Allocation): void {
  const { message, from, now } = question;
  const { refusedFamily: refused } = allocation;
  const allocated = {
    relayed: allocation.relays.map(({ address }) => address),
    mapped: from,
    lifetimeSeconds: Math.round((allocation.endsAt - now) / 1000),
    ...(allocation.mobility && { mobilityTicket: allocation.mobility.ticket }),
    ...(allocation.reservationToken && { reservationToken: allocation.reservationToken }),
    ...(refused && { refusedFamily: { ...refused, reason: reasonOf(refused.code) } }),
  };
  sendProtected(state, beginAllocated(state.builder, message.transactionId, allocated), question, asker);
}
