/**
 * The datagrams that peers send each other (docs/protocol.md sections 6 and 7).
 *
 * sealed   | 0x08, 0, 0, 0 | receiver's index 4 | counter 8 | ciphertext, tag 16 |
 * knock    | 0x09, role, 0, 0 | tag 8 | sequence 4 | HMAC 16 |
 */
import { equalBytes, type Macs } from "@fractal-punch/machine";
import { readU32, readU64, writeU32, writeU64 } from "./bytes.ts";
import { maxPayloadBytes } from "./numbers.ts";

export const PacketType = { sealed: 0x08, knock: 0x09, second: 0x0a } as const;

export const sealedHeaderBytes = 16;
export const tagBytes = 16;
export const sealedOverhead: number = sealedHeaderBytes + tagBytes;
export const knockBytes = 32;

/** What a sealed packet has besides an application's datagram: the frame's kind, too. */
export const dataOverhead: number = sealedOverhead + 1;

/** The largest datagram of an application that every path takes: a ChannelData header must fit beside its packet. */
export const maxDatagramBytes: number = maxPayloadBytes - 4 - dataOverhead;

export type Role = "client" | "host";

export function writeSealedHeader(bytes: Uint8Array, index: number, counter: number): void {
  writeU32(bytes, 0, PacketType.sealed * 0x100_0000);
  writeU32(bytes, 4, index);
  writeU64(bytes, 8, counter);
}

export interface SealedHeader {
  readonly index: number;
  readonly counter: number;
}

/** `undefined` when it is too short, not of this type, or its counter is beyond any that we reach. */
export function readSealedHeader(bytes: Uint8Array): SealedHeader | undefined {
  if (bytes.length < sealedOverhead || readU32(bytes, 0) !== PacketType.sealed * 0x100_0000) return undefined;
  const counter = readU64(bytes, 8);
  return counter === undefined ? undefined : { index: readU32(bytes, 4), counter };
}

/** `tag`: the first 8 bytes of the client's ephemeral public key. */
export function encodeKnock(
  macs: Macs,
  probeKey: Uint8Array,
  role: Role,
  tag: Uint8Array,
  sequence: number,
): Uint8Array {
  const bytes = new Uint8Array(knockBytes);
  bytes[0] = PacketType.knock;
  bytes[1] = role === "client" ? 0 : 1;
  bytes.set(tag.subarray(0, 8), 4);
  writeU32(bytes, 12, sequence);
  bytes.set(macs.hmacSha256(probeKey, bytes.subarray(0, 16)).subarray(0, 16), 16);
  return bytes;
}

/** The tag of a knock, a view, by which the receiver finds the probe key; `undefined` when it is no knock of that role. */
export function knockTag(bytes: Uint8Array, role: Role): Uint8Array | undefined {
  const wellFormed =
    bytes.length === knockBytes && bytes[0] === PacketType.knock && bytes[1] === (role === "client" ? 0 : 1);
  return wellFormed ? bytes.subarray(4, 12) : undefined;
}

export function knockMatches(macs: Macs, probeKey: Uint8Array, bytes: Uint8Array): boolean {
  return equalBytes(macs.hmacSha256(probeKey, bytes.subarray(0, 16)).subarray(0, 16), bytes.subarray(16));
}
