/** Datagrams between an allocation's client and its peers (RFC 8656 sections 11 and 12). */
import { type Address, type Outbox, type PortId, randomBytes } from "@fractal-punch/machine";
import {
  Attribute,
  channelDataPayload,
  channelHeaderBytes,
  encodeChannelData,
  encodeDataIndication,
  type StunMessage,
  xorAddress,
} from "@fractal-punch/wire";
import { withEcn } from "../channels.ts";
import type { ServerEvent } from "../events.ts";
import type { Drop } from "../outcome.ts";
import type { ServerState } from "../state.ts";
import type { Allocation, TurnChannel } from "./allocation.ts";
import { isRelayPort } from "./openings.ts";
import { relayPiece } from "./piping.ts";
import type { TurnState } from "./turn-state.ts";

/** Where a datagram goes on from. */
export interface Relaying {
  readonly state: ServerState;
  readonly turn: TurnState;
  readonly now: number;
  readonly out: Outbox<ServerEvent>;
  /** The bits that the datagram came with, where that is known. */
  readonly ecn?: number | undefined;
}

type Relayed = "served" | Drop;

/** Takes what comes to a relayed address: a peer's datagram, or a piece of its stream. */
export function relayFromPeer(relaying: Relaying, port: PortId, from: Address, bytes: Uint8Array): boolean {
  if (!isRelayPort(port)) return false;
  const { counters } = relaying.state;
  const relayed = relaying.turn.allocations.throughPort(port);
  if (relayed?.transport === "udp") counters.relayed("from-peer", relayToClient(relaying, relayed, from, bytes), bytes);
  else if (relaying.turn.pipes.has(port)) relayPiece(relaying, port, from, bytes);
  // The port is kept for somebody, or was just closed.
  else counters.dropped.add("no-allocation");
  return true;
}

/** ChannelData of a client: the data goes to the peer that the number stands for. */
export function relayThroughChannel(relaying: Relaying, channel: TurnChannel, bytes: Uint8Array): Relayed {
  const { allocation, peer, endsAt } = channel;
  return endsAt <= relaying.now ? "no-channel" : relayToPeer(relaying, allocation, peer, channelDataPayload(bytes));
}

/** A Send indication. Nothing answers an indication, whatever is wrong with it. */
export function relaySend(relaying: Relaying, allocation: Allocation, message: StunMessage): Relayed {
  const peer = xorAddress(message, Attribute.xorPeerAddress);
  const data = message.value(Attribute.data);
  return peer === undefined || data === undefined ? "malformed" : relayToPeer(relaying, allocation, peer, data);
}

/** What came to a relayed address goes to the client: by channel where there is one, otherwise as a Data indication. */
function relayToClient(relaying: Relaying, allocation: Allocation, peer: Address, data: Uint8Array): Relayed {
  const { state, turn, now, out } = relaying;
  if (allocation.mobility?.isAway === true) return "client-away";
  if (!allocation.permits(now, peer)) return "no-permission";
  const channel = allocation.channelOf(now, peer);
  const bytes =
    channel === undefined
      ? encodeDataIndication(turn.builder, randomBytes(state.random, 12), peer, data)
      : channelDataOf(channel.number, data, turn.builder.capacityBytes, allocation.tuple.isStream);
  if (bytes === undefined) return "too-large";
  if (!spend(relaying, allocation, data.length)) return "no-credit";
  const { port, address, options } = allocation.tuple;
  out.send(port, address, bytes, withEcn(options, relaying.ecn));
  return "served";
}

function relayToPeer(relaying: Relaying, allocation: Allocation, peer: Address, data: Uint8Array): Relayed {
  const { turn, now, out } = relaying;
  const relay = allocation.relay(peer.family);
  if (relay === undefined || !allocation.permits(now, peer)) return "no-permission";
  // Inside, because a server behind a 1:1 NAT may not reach its own public address.
  const other = turn.allocations.at("udp", peer);
  const isRefused = other === undefined ? turn.policy.refusal(peer) !== undefined : !other.permits(now, relay.address);
  if (isRefused) return "no-permission";
  if (!spend(relaying, allocation, data.length)) return "no-credit";
  if (other !== undefined) return relayToClient(relaying, other, relay.address, data);
  out.send(relay.port, peer, data, withEcn(undefined, relaying.ecn));
  return "served";
}

function spend({ state, now }: Relaying, { account, credit }: Allocation, bytes: number): boolean {
  const { rules, quotas } = state;
  if (credit === undefined) return false;
  if (rules.spend(credit, bytes)) return true;
  rules.addCredit(credit, quotas.grant(now, account, bytes - rules.creditOf(credit)));
  return rules.spend(credit, bytes);
}

function channelDataOf(
  number: number,
  data: Uint8Array,
  maximumBytes: number,
  isOverStream: boolean,
): Uint8Array | undefined {
  return channelHeaderBytes + data.length > maximumBytes ? undefined : encodeChannelData(number, data, isOverStream);
}
