/** MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489 sections 14.5, 14.6), and HOST-PROOF, which has their form. */
import type { Macs } from "@fractal-punch/machine";
import { readU16, writeU16 } from "./bytes.ts";
import { headerBytes, type StunMessage } from "./message.ts";
import { Attribute } from "./numbers.ts";

const attributeHeaderBytes = 4;
const sha256Bytes = 32;
const sha1Bytes = 20;

/**
 * HMAC-SHA256 over `covered`, the beginning of a message, with the length field counting up to the end of the attribute
 * that will hold it (36 bytes).
 */
export function integrityOf(macs: Macs, key: Uint8Array, covered: Uint8Array): Uint8Array {
  const length = setLength(covered, covered.length + attributeHeaderBytes + sha256Bytes - headerBytes);
  const mac = macs.hmacSha256(key, covered);
  writeU16(covered, 2, length);
  return mac;
}

/** The same over SHA-1, whose attribute has 24 bytes. */
export function integritySha1Of(macs: Macs, key: Uint8Array, covered: Uint8Array): Uint8Array {
  const length = setLength(covered, covered.length + attributeHeaderBytes + sha1Bytes - headerBytes);
  const mac = macs.hmacSha1(key, covered);
  writeU16(covered, 2, length);
  return mac;
}

/** Whether the message carries `type` as an HMAC-SHA256 of all before it under `key`. */
export function macMatches(macs: Macs, key: Uint8Array, message: StunMessage, type: number): boolean {
  const at = message.start(type, sha256Bytes);
  return at >= 0 && holds(message.bytes, at, integrityOf(macs, key, coveredBy(message, at)));
}

export function integrityMatches(macs: Macs, key: Uint8Array, message: StunMessage): boolean {
  return macMatches(macs, key, message, Attribute.messageIntegritySha256);
}

export function integritySha1Matches(macs: Macs, key: Uint8Array, message: StunMessage): boolean {
  const at = message.start(Attribute.messageIntegrity, sha1Bytes);
  return at >= 0 && holds(message.bytes, at, integritySha1Of(macs, key, coveredBy(message, at)));
}

/** All before the attribute whose value starts there. */
function coveredBy(message: StunMessage, at: number): Uint8Array {
  return message.bytes.subarray(0, at - attributeHeaderBytes);
}

/** The length field is what it has to be during the call only: a copy of the message would cost more than that. */
function setLength(bytes: Uint8Array, length: number): number {
  const before = readU16(bytes, 2);
  writeU16(bytes, 2, length);
  return before;
}

/** Compares in a time that depends on the length only. */
function holds(bytes: Uint8Array, at: number, mac: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < mac.length; i++) difference |= (bytes[at + i] ?? 0) ^ (mac[i] ?? 0);
  return difference === 0;
}
