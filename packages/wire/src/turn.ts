/**
 * What TURN's messages carry (RFC 8656 section 18): reading it out of a loaded message, and writing what a server sends.
 * A reader gives `undefined` when the attribute is absent or malformed; which of the two it is, `StunMessage.has` tells.
 */
import type { Address } from "@fractal-punch/machine";
import { u32Of } from "./attributes.ts";
import type { StunBuilder } from "./builder.ts";
import { readU16, readU32, writeU16, writeU32 } from "./bytes.ts";
import { headerBytes, type StunMessage } from "./message.ts";
import { Attribute, type ErrorCode, MessageClass, Method } from "./numbers.ts";
import { asciiBytes } from "./text.ts";

/** What a client may ask to be relayed over, by its IP protocol number; TCP is RFC 6062's. */
export const Transport = { tcp: 6, udp: 17 } as const;

/** REQUESTED-TRANSPORT: an IP protocol number. */
export function requestedTransportOf(message: StunMessage): number | undefined {
  return message.fixed(Attribute.requestedTransport, 4)?.[0];
}

/** REQUESTED-ADDRESS-FAMILY. */
export function requestedFamilyOf(message: StunMessage): 4 | 6 | "unsupported" | undefined {
  return familyOf(message, Attribute.requestedAddressFamily);
}

/** ADDITIONAL-ADDRESS-FAMILY. The RFC allows only IPv6 in it; that is left to the reader's caller. */
export function additionalFamilyOf(message: StunMessage): 4 | 6 | "unsupported" | undefined {
  return familyOf(message, Attribute.additionalAddressFamily);
}

function familyOf(message: StunMessage, type: number): 4 | 6 | "unsupported" | undefined {
  const family = message.fixed(type, 4)?.[0];
  if (family === undefined) return undefined;
  if (family === 1) return 4;
  return family === 2 ? 6 : "unsupported";
}

/** EVEN-PORT: "pair" when the port above it is to be reserved, too. */
export function evenPortOf(message: StunMessage): "even" | "pair" | undefined {
  const flags = message.fixed(Attribute.evenPort, 1)?.[0];
  if (flags === undefined) return undefined;
  return flags >= 0x80 ? "pair" : "even";
}

/** A view of RESERVATION-TOKEN's 8 bytes. */
export function reservationTokenOf(message: StunMessage): Uint8Array | undefined {
  return message.fixed(Attribute.reservationToken, 8);
}

/** LIFETIME, in seconds. */
export function lifetimeOf(message: StunMessage): number | undefined {
  return u32Of(message, Attribute.lifetime);
}

/** CONNECTION-ID (RFC 6062 section 6.2.1). */
export function connectionIdOf(message: StunMessage): number | undefined {
  return u32Of(message, Attribute.connectionId);
}

/** An ICMP or ICMPv6 error (RFC 8656 section 18.13); which of them, the peer's address says. */
export interface IcmpError {
  /** 0 to 127. */
  readonly type: number;
  /** 0 to 511. */
  readonly code: number;
  /** The next hop's MTU where the packet was too big, otherwise 0. */
  readonly data: number;
}

export function icmpErrorOf(message: StunMessage): IcmpError | undefined {
  const value = message.fixed(Attribute.icmp, 8);
  if (value === undefined) return undefined;
  const typeAndCode = readU16(value, 2);
  return { type: typeAndCode >>> 9, code: typeAndCode & 0x1ff, data: readU32(value, 4) };
}

/** What an Allocate's success says. */
export interface Allocated {
  /** One, or one of each family. */
  readonly relayed: readonly Address[];
  /** The client's own address, as the server sees it. */
  readonly mapped: Address;
  readonly lifetimeSeconds: number;
  /** 8 bytes; with EVEN-PORT's "pair". */
  readonly reservationToken?: Uint8Array;
  /** RFC 8016. */
  readonly mobilityTicket?: Uint8Array;
  /** The additional family, when it could not be had. */
  readonly refusedFamily?: RefusedFamily;
}

export interface RefusedFamily {
  readonly family: 4 | 6;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** RFC 8656 section 7.2. The caller adds the integrity that its client asked with. */
export function beginAllocated(builder: StunBuilder, transactionId: Uint8Array, allocated: Allocated): StunBuilder {
  const { relayed, mapped, lifetimeSeconds, reservationToken, mobilityTicket, refusedFamily } = allocated;
  builder.begin(MessageClass.success, Method.allocate, transactionId);
  for (const address of relayed) builder.xorAddress(Attribute.xorRelayedAddress, address);
  builder.u32(Attribute.lifetime, lifetimeSeconds).xorAddress(Attribute.xorMappedAddress, mapped);
  if (reservationToken) builder.attribute(Attribute.reservationToken, reservationToken);
  if (mobilityTicket) builder.attribute(Attribute.mobilityTicket, mobilityTicket);
  if (refusedFamily) addAddressError(builder, refusedFamily);
  return builder;
}

/** ADDRESS-ERROR-CODE: as ERROR-CODE, with the family in the first byte. */
function addAddressError(builder: StunBuilder, { family, code, reason }: RefusedFamily): void {
  const text = asciiBytes(reason);
  const value = new Uint8Array(4 + text.length);
  value[0] = family === 4 ? 1 : 2;
  value[2] = Math.floor(code / 100);
  value[3] = code % 100;
  value.set(text, 4);
  builder.attribute(Attribute.addressErrorCode, value);
}

/** A peer's datagram on its way to the client (RFC 8656 section 11.3); `undefined` when it is larger than the builder. */
export function encodeDataIndication(
  builder: StunBuilder,
  transactionId: Uint8Array,
  peer: Address,
  data: Uint8Array,
): Uint8Array | undefined {
  const addressBytes = peer.family === 4 ? 12 : 24;
  const dataBytes = 4 + ((data.length + 3) & ~3);
  if (headerBytes + addressBytes + dataBytes > builder.capacityBytes) return undefined;
  builder.begin(MessageClass.indication, Method.data, transactionId).xorAddress(Attribute.xorPeerAddress, peer);
  return builder.attribute(Attribute.data, data).bytes();
}

/** A peer has connected to the relayed address (RFC 6062 section 5.3). */
export function encodeConnectionAttempt(
  builder: StunBuilder,
  transactionId: Uint8Array,
  peer: Address,
  connectionId: number,
): Uint8Array {
  builder.begin(MessageClass.indication, Method.connectionAttempt, transactionId);
  return builder.u32(Attribute.connectionId, connectionId).xorAddress(Attribute.xorPeerAddress, peer).bytes();
}

/** What became of a datagram to that peer (RFC 8656 section 11.5). */
export function encodeIcmpIndication(
  builder: StunBuilder,
  transactionId: Uint8Array,
  peer: Address,
  icmp: IcmpError,
): Uint8Array {
  const value = new Uint8Array(8);
  writeU16(value, 2, ((icmp.type & 0x7f) << 9) | (icmp.code & 0x1ff));
  writeU32(value, 4, icmp.data);
  builder.begin(MessageClass.indication, Method.data, transactionId).xorAddress(Attribute.xorPeerAddress, peer);
  return builder.attribute(Attribute.icmp, value).bytes();
}
