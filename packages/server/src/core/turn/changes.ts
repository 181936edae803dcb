/** What a client does with its allocation: Refresh, CreatePermission and ChannelBind (RFC 8656 sections 8, 10 and 12). */
import { type Address, sameIp } from "@fractal-punch/machine";
import {
  Attribute,
  channelOf,
  ErrorCode,
  lastTurnChannel,
  lifetimeOf,
  MessageClass,
  requestedFamilyOf,
  type StunBuilder,
  xorAddress,
  xorAddresses,
} from "@fractal-punch/wire";
import type { Question } from "../question.ts";
import type { ServerState } from "../state.ts";
import type { Allocation } from "./allocation.ts";
import { sendProtected } from "./answers.ts";
import type { Asker } from "./asker.ts";
import { endAllocation } from "./end-allocation.ts";
import { lifetimeMs } from "./lifetime.ts";
import { publishChannels } from "./relay-rules.ts";
import type { TurnState } from "./turn-state.ts";

/** A request about an allocation that is there, by the one who made it. */
export interface Change {
  readonly question: Question;
  readonly asker: Asker;
  readonly allocation: Allocation;
}

export type Changed = ErrorCode | "served";

const permissionMs = 300_000;
const channelMs = 600_000;

/** Once nothing stands against it, `go` has the allocation go on from elsewhere (RFC 8016). */
export function refresh(state: ServerState, turn: TurnState, change: Change, go?: () => void): Changed {
  const { question, allocation } = change;
  const { message, now, out } = question;
  if (message.has(Attribute.requestedAddressFamily)) {
    const family = requestedFamilyOf(message);
    if (family === undefined) return ErrorCode.badRequest;
    if (family === "unsupported" || allocation.relay(family) === undefined) return ErrorCode.peerAddressFamilyMismatch;
  }
  const lifeMs = lifetimeOf(message) === 0 ? 0 : lifetimeMs(state.limits, message);
  if (lifeMs === 0) endAllocation(state, turn, now, allocation, out);
  else turn.allocations.renew(allocation, now + lifeMs);
  if (lifeMs > 0) go?.();
  sendRefreshed(state, change, lifeMs / 1000, go !== undefined && lifeMs > 0);
  return "served";
}

/** With the ticket for the next move, if this was one. */
export function sendRefreshed(
  state: ServerState,
  { question, asker, allocation }: Change,
  lifetimeSeconds: number,
  hasMoved: boolean,
): void {
  const builder = beginSuccess(state, question).u32(Attribute.lifetime, lifetimeSeconds);
  if (hasMoved && allocation.mobility) builder.attribute(Attribute.mobilityTicket, allocation.mobility.ticket);
  sendProtected(state, builder, question, asker);
}

/** All or none: what one address is refused for, all are (RFC 8656 section 10.2). */
export function createPermission(
  state: ServerState,
  turn: TurnState,
  { question, asker, allocation }: Change,
): Changed {
  const { message, now } = question;
  const peers = xorAddresses(message, Attribute.xorPeerAddress);
  if (peers.length === 0 || peers.length < message.values(Attribute.xorPeerAddress).length) return ErrorCode.badRequest;
  for (const peer of peers) {
    const refusal = refusalOf(state, turn, allocation, peer);
    if (refusal !== undefined) return refusal;
  }
  if (!allocation.permit(peers, now + permissionMs, now, state.limits.permissionsPerAllocation))
    return ErrorCode.serverFull;
  publishChannels(state.rules, turn, now, allocation);
  sendProtected(state, beginSuccess(state, question), question, asker);
  return "served";
}

export function bindChannel(state: ServerState, turn: TurnState, { question, asker, allocation }: Change): Changed {
  const { message, now } = question;
  const number = channelOf(message, lastTurnChannel);
  const peer = xorAddress(message, Attribute.xorPeerAddress);
  if (number === undefined || peer === undefined || peer.port === 0) return ErrorCode.badRequest;
  // RFC 6062 has no channels.
  if (allocation.transport !== "udp") return ErrorCode.allocationMismatch;
  const refusal = refusalOf(state, turn, allocation, peer);
  if (refusal !== undefined) return refusal;
  if (!allocation.isBindable(now, number, peer)) return ErrorCode.badRequest;
  const { permissionsPerAllocation, channelsPerAllocation } = state.limits;
  if (!allocation.hasRoomFor(now, number, channelsPerAllocation)) return ErrorCode.serverFull;
  if (!allocation.permit([peer], now + permissionMs, now, permissionsPerAllocation)) return ErrorCode.serverFull;
  allocation.bind(now, number, peer, now + channelMs);
  publishChannels(state.rules, turn, now, allocation);
  sendProtected(state, beginSuccess(state, question), question, asker);
  return "served";
}

/** The server's public addresses are permitted: there may be other clients' relayed addresses, looked for when data is sent. */
function refusalOf(
  { publicAddresses }: ServerState,
  turn: TurnState,
  allocation: Allocation,
  peer: Address,
): ErrorCode | undefined {
  if (allocation.relay(peer.family) === undefined) return ErrorCode.peerAddressFamilyMismatch;
  const word = turn.policy.ipRefusal(peer);
  const isRelaysOwn = word === "own" && publicAddresses.some((address) => sameIp(address, peer));
  return word === undefined || isRelaysOwn ? undefined : ErrorCode.forbidden;
}

function beginSuccess({ builder }: ServerState, { message }: Question): StunBuilder {
  return builder.begin(MessageClass.success, message.method, message.transactionId);
}
