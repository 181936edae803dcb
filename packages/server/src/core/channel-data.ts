/** ChannelData (RFC 8656 section 12.4): one table tells what a number on a 5-tuple stands for, of TURN and of sessions alike. */
import type { Outbox } from "@fractal-punch/machine";
import { channelDataNumber, lastChannel, lastTurnChannel } from "@fractal-punch/wire";
import type { ServerEvent } from "./events.ts";
import type { Drop } from "./outcome.ts";
import type { ServerState } from "./state.ts";
import type { Tuple } from "./tuples.ts";
import { settleMove } from "./turn/move.ts";
import { relayThroughChannel } from "./turn/relaying.ts";

/** TURN's clients choose their numbers, up to 0x7FFF; where none is, such bytes may be something else. */
export function isTurnChannelData(bytes: Uint8Array, tuple: Tuple | undefined): boolean {
  return tuple?.allocation !== undefined && (bytes[0] ?? 0) >> 6 === 1;
}

/** Relays it to whom its number stands for, and to nobody else. */
export function relayChannelData(
  state: ServerState,
  now: number,
  tuple: Tuple | undefined,
  bytes: Uint8Array,
  ecn: number | undefined,
  out: Outbox<ServerEvent>,
): "served" | Drop {
  const { channels, turn } = state;
  const allocation = tuple?.allocation;
  if (turn && allocation && tuple !== allocation.tuple) settleMove(state, turn, now, allocation);
  const number = channelDataNumber(bytes, allocation === undefined ? lastChannel : lastTurnChannel);
  if (number === undefined) return "malformed";
  const channel = tuple?.channels?.get(number);
  if (channel === undefined) return "no-channel";
  if (channel.kind === "session") return channels.forward(now, channel, bytes, ecn, out);
  return turn === undefined ? "no-channel" : relayThroughChannel({ state, turn, now, out, ecn }, channel, bytes);
}
