/** MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489 sections 14.5, 14.6), and HOST-PROOF, which has their form. */
import { equalBytes, type Macs } from "@fractal-punch/machine";
import { readU16, writeU16 } from "./bytes.ts";
import { headerBytes, type StunMessage } from "./message.ts";
import { Attribute } from "./numbers.ts";

/**
 * HMAC-SHA256 over the first `before` bytes, with the length field counting up to the end of the attribute that will
 * hold it (36 bytes).
 */
export function integrityOf(macs: Macs, key: Uint8Array, bytes: Uint8Array, before: number): Uint8Array {
  return withLength(bytes, before, 36, (covered) => macs.hmacSha256(key, covered));
}

/** The same over SHA-1, whose attribute has 24 bytes. */
export function integritySha1Of(macs: Macs, key: Uint8Array, bytes: Uint8Array, before: number): Uint8Array {
  return withLength(bytes, before, 24, (covered) => macs.hmacSha1(key, covered));
}

/** Whether the message carries `type` as an HMAC-SHA256 of all before it under `key`. */
export function macMatches(macs: Macs, key: Uint8Array, message: StunMessage, type: number): boolean {
  const value = message.fixed(type, 32);
  return value !== undefined && equalBytes(value, integrityOf(macs, key, message.bytes, message.offset(type)));
}

export function integrityMatches(macs: Macs, key: Uint8Array, message: StunMessage): boolean {
  return macMatches(macs, key, message, Attribute.messageIntegritySha256);
}

export function integritySha1Matches(macs: Macs, key: Uint8Array, message: StunMessage): boolean {
  const value = message.fixed(Attribute.messageIntegrity, 20);
  const before = message.offset(Attribute.messageIntegrity);
  return value !== undefined && equalBytes(value, integritySha1Of(macs, key, message.bytes, before));
}

/** The length field is what it has to be during the call only: a copy of the message would cost more than that. */
function withLength(
  bytes: Uint8Array,
  before: number,
  attributeBytes: number,
  mac: (covered: Uint8Array) => Uint8Array,
): Uint8Array {
  const length = readU16(bytes, 2);
  writeU16(bytes, 2, before + attributeBytes - headerBytes);
  const result = mac(bytes.subarray(0, before));
  writeU16(bytes, 2, length);
  return result;
}
