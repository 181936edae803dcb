/** An allocation goes on from another 5-tuple (RFC 8016 section 3.2). */
import { equalBytes, type Outbox, sameAddress } from "@fractal-punch/machine";
import { asciiText, ErrorCode } from "@fractal-punch/wire";
import type { ServerEvent } from "../events.ts";
import type { Question } from "../question.ts";
import { isTunnel } from "../special-networks.ts";
import type { ServerState } from "../state.ts";
import type { Tuple } from "../tuples.ts";
import type { Allocation } from "./allocation.ts";
import type { Asker } from "./asker.ts";
import { type Changed, refresh, sendRefreshed } from "./changes.ts";
import { endAllocation } from "./end-allocation.ts";
import type { Mobility } from "./mobility.ts";
import { publishChannels } from "./relay-rules.ts";
import type { TurnState } from "./turn-state.ts";

/** A Refresh with a MOBILITY-TICKET, which the 5-tuple that it comes from has no part in finding. */
export function moveAllocation(
  state: ServerState,
  turn: TurnState,
  question: Question,
  asker: Asker,
  ticket: Uint8Array,
): Changed {
  const allocation = turn.mobilityTickets.find(ticket);
  if (allocation === "invalid") return ErrorCode.badRequest;
  const mobility = allocation?.mobility;
  if (allocation === undefined || mobility === undefined) return ErrorCode.allocationMismatch;
  const isSameUser = allocation.user.username === asker.user.username;
  if (isSameUser && isRepeat(mobility, question, ticket)) {
    sendRefreshed(state, { question, asker, allocation }, Math.round((allocation.endsAt - question.now) / 1000), true);
    return "served";
  }
  if (!equalBytes(ticket, mobility.ticket) || isOn(allocation, question)) return ErrorCode.badRequest;
  if (!isSameUser) return ErrorCode.wrongCredentials;
  if (isTunnel(question.from)) return ErrorCode.forbidden;
  // Another allocation is there, or a session, and a 5-tuple has only one of them.
  if (question.tuple !== undefined) return ErrorCode.allocationMismatch;
  return refresh(state, turn, { question, asker, allocation }, () => go(state, turn, question, allocation, mobility));
}

/** The client has sent data, or a request, from the 5-tuple that it went to: the other one is done with. */
export function settleMove(state: ServerState, turn: TurnState, now: number, allocation: Allocation): void {
  const next = allocation.mobility?.next;
  if (allocation.mobility === undefined || next === undefined) return;
  const { tuple: old } = allocation;
  allocation.mobility.next = undefined;
  allocation.tuple = next;
  turn.allocations.leave(old);
  publishChannels(state.rules, turn, now, allocation);
  state.streams.release(now, old.port, old.address);
}

/** The stream that an allocation was asked for on, or went to, is gone: one that may move waits for its client. */
export function allocationStreamEnded(
  state: ServerState,
  turn: TurnState,
  now: number,
  tuple: Tuple,
  out: Outbox<ServerEvent>,
): void {
  const { allocation } = tuple;
  if (allocation === undefined) return;
  const { mobility } = allocation;
  if (mobility === undefined) return endAllocation(state, turn, now, allocation, out);
  if (mobility.next === tuple) mobility.next = undefined;
  else if (mobility.next !== undefined) return settleMove(state, turn, now, allocation);
  else mobility.isAway = true;
  turn.allocations.leave(tuple);
  publishChannels(state.rules, turn, now, allocation);
}

function go(
  state: ServerState,
  turn: TurnState,
  { now, port, from, options, message }: Question,
  allocation: Allocation,
  mobility: Mobility,
): void {
  const tuple = state.tuples.open(port, from, options);
  const passed = mobility.next;
  state.streams.keep(port, from);
  turn.allocations.arrive(allocation, tuple);
  if (mobility.last !== undefined) turn.mobilityTickets.drop(mobility.last.ticket);
  mobility.last = { ticket: mobility.ticket, transactionId: asciiText(message.transactionId), tuple };
  mobility.ticket = turn.mobilityTickets.make(allocation);
  if (mobility.isAway) allocation.tuple = tuple;
  else mobility.next = tuple;
  mobility.isAway = false;
  publishChannels(state.rules, turn, now, allocation);
  if (passed === undefined) return;
  turn.allocations.leave(passed);
  state.streams.release(now, passed.port, passed.address);
}

function isRepeat({ last }: Mobility, { message, port, from }: Question, ticket: Uint8Array): boolean {
  if (last === undefined || !equalBytes(ticket, last.ticket)) return false;
  const { tuple, transactionId } = last;
  const isFromThere = tuple.port === port && sameAddress(tuple.address, from);
  return isFromThere && tuple.allocation !== undefined && asciiText(message.transactionId) === transactionId;
}

function isOn({ tuples }: Allocation, { port, from }: Question): boolean {
  return tuples.some((tuple) => tuple.port === port && sameAddress(tuple.address, from));
}
