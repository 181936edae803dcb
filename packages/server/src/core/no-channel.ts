/** The hint that a channel is not known, for a peer whose server lost its state (docs/protocol.md section 5). */
import {
  type Address,
  addressKey,
  type Outbox,
  type PortId,
  randomBytes,
  type SendOptions,
} from "@fractal-punch/machine";
import { channelDataNumber, encodeNoChannel } from "@fractal-punch/wire";
import type { ServerEvent } from "./events.ts";
import type { ServerState } from "./state.ts";

/** A hint is as long as the shortest sealed packet in ChannelData, so it is never larger than what it answers. */
const hintBytes = 36;

/** Answers ChannelData on an unknown channel, if the rates for the address and for its prefix allow it. */
export function hintNoChannel(
  state: ServerState,
  now: number,
  port: PortId,
  from: Address,
  bytes: Uint8Array,
  options: SendOptions | undefined,
  out: Outbox<ServerEvent>,
): void {
  const { counters, builder, random } = state;
  const { hints, prefixHints } = state.buckets;
  const channel = channelDataNumber(bytes);
  if (bytes.length < hintBytes || channel === undefined) return;
  if (!prefixHints.admits(now, from) || !hints.take(now, addressKey(from))) return;
  prefixHints.charge(now, from);
  counters.hints++;
  out.send(port, from, encodeNoChannel(builder, randomBytes(random, 12), channel), options);
}
