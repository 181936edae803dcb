/** MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489 sections 14.5, 14.6), and HOST-PROOF, which has their form. */
import { equalBytes, type Macs } from "@fractal-punch/machine";
import { writeU16 } from "./bytes.ts";
import { headerBytes, type StunMessage } from "./message.ts";
import { Attribute } from "./numbers.ts";

/**
 * HMAC-SHA256 over the first `before` bytes, with the length field counting up to the end of the attribute that will
 * hold it (36 bytes).
 */
export function integrityOf(macs: Macs, key: Uint8Array, bytes: Uint8Array, before: number): Uint8Array {
  return macs.hmacSha256(key, coveredBytes(bytes, before, 36));
}

/** The same over SHA-1, whose attribute has 24 bytes. */
export function integritySha1Of(macs: Macs, key: Uint8Array, bytes: Uint8Array, before: number): Uint8Array {
  return macs.hmacSha1(key, coveredBytes(bytes, before, 24));
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

function coveredBytes(bytes: Uint8Array, before: number, attributeBytes: number): Uint8Array {
  const covered = bytes.slice(0, before);
  writeU16(covered, 2, before + attributeBytes - headerBytes);
  return covered;
}
