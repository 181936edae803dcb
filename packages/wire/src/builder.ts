/**
 * Writing STUN messages, one at a time, into one arena: `begin`, attributes, integrity, fingerprint, `bytes`. What
 * `bytes` gives is valid until the next `begin`.
 */
import { type Address, assert, type Macs } from "@fractal-punch/machine";
import { writeU16, writeU32, writeU64 } from "./bytes.ts";
import { integrityOf, integritySha1Of } from "./integrity.ts";
import { fingerprintOf, headerBytes } from "./message.ts";
import { Attribute, type MessageClass, magicCookie, maxPayloadBytes } from "./numbers.ts";
import { asciiBytes } from "./text.ts";

const integrityAttributeBytes = 36;
const fingerprintAttributeBytes = 8;

export class StunBuilder {
  readonly #arena: Uint8Array;
  /** Beginnings of the arena, by a quarter of their length: a view costs more than what most are made for. */
  readonly #views: Uint8Array[] = [];
  #length = 0;

  /** Room for more than one datagram's worth is for what a client gets over TCP, or fragmented. */
  constructor(capacityBytes: number = maxPayloadBytes) {
    this.#arena = new Uint8Array(capacityBytes);
  }

  /** No message may be longer. */
  get capacityBytes(): number {
    return this.#arena.length;
  }

  begin(messageClass: MessageClass, method: number, transactionId: Uint8Array): this {
    assert(transactionId.length === 12, "a transaction id has 12 bytes");
    const classBits = ((messageClass & 1) << 4) | ((messageClass & 2) << 7);
    const type = (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2) | classBits;
    writeU16(this.#arena, 0, type);
    writeU32(this.#arena, 4, magicCookie);
    this.#arena.set(transactionId, 8);
    this.#length = headerBytes;
    return this;
  }

  attribute(type: number, value: Uint8Array): this {
    const at = this.#room(type, value.length);
    this.#arena.set(value, at);
    return this;
  }

  text(type: number, value: string): this {
    return this.attribute(type, asciiBytes(value));
  }

  /** Numbers of two bytes one behind the other, as UNKNOWN-ATTRIBUTES has them. */
  u16s(type: number, values: readonly number[]): this {
    const at = this.#room(type, 2 * values.length);
    for (const [index, value] of values.entries()) writeU16(this.#arena, at + 2 * index, value);
    return this;
  }

  u32(type: number, value: number): this {
    const at = this.#room(type, 4);
    writeU32(this.#arena, at, value);
    return this;
  }

  u64(type: number, value: number): this {
    const at = this.#room(type, 8);
    writeU64(this.#arena, at, value);
    return this;
  }

  /** CHANNEL-NUMBER: the number, and two bytes that are zero (RFC 8656 section 18.1). */
  channel(number: number): this {
    return this.u32(Attribute.channelNumber, number * 65_536);
  }

  /** RFC 8489 section 14.2: port and address XORed with the cookie and, for IPv6, the transaction id. */
  xorAddress(type: number, address: Address): this {
    const at = this.#address(type, address, address.port ^ (magicCookie >>> 16));
    const end = this.#length;
    for (let i = at; i < end; i++) this.#arena[i] = (this.#arena[i] ?? 0) ^ (this.#arena[4 + i - at] ?? 0);
    return this;
  }

  /** The same without the XOR: MAPPED-ADDRESS (RFC 8489 section 14.1), RESPONSE-ORIGIN and OTHER-ADDRESS (RFC 5780). */
  address(type: number, address: Address): this {
    this.#address(type, address, address.port);
    return this;
  }

  /** RFC 8489 section 14.8, with a reason for people. */
  error(code: number, reason: string): this {
    const text = asciiBytes(reason);
    const at = this.#room(Attribute.errorCode, 4 + text.length);
    writeU16(this.#arena, at, 0);
    writeU16(this.#arena, at + 2, Math.floor(code / 100) * 256 + (code % 100));
    this.#arena.set(text, at + 4);
    return this;
  }

  /** Pads so that the message has `totalBytes` once `behind` more bytes are added; does nothing when it is that long. */
  pad(totalBytes: number, behind: number = integrityAttributeBytes + fingerprintAttributeBytes): this {
    const missing = totalBytes - this.#length - behind - 4;
    if (missing < 0) return this;
    const at = this.#room(Attribute.padding, missing);
    this.#arena.fill(0, at, at + missing);
    return this;
  }

  /** An attribute whose value is an HMAC-SHA256 over all before it: HOST-PROOF, and MESSAGE-INTEGRITY-SHA256. */
  mac(type: number, macs: Macs, key: Uint8Array): this {
    const before = this.#length;
    const at = this.#room(type, 32);
    this.#arena.set(integrityOf(macs, key, this.#view(before)), at);
    return this;
  }

  integrity(macs: Macs, key: Uint8Array): this {
    return this.mac(Attribute.messageIntegritySha256, macs, key);
  }

  /** MESSAGE-INTEGRITY, the older one over SHA-1. */
  integritySha1(macs: Macs, key: Uint8Array): this {
    const before = this.#length;
    const at = this.#room(Attribute.messageIntegrity, 20);
    this.#arena.set(integritySha1Of(macs, key, this.#view(before)), at);
    return this;
  }

  fingerprint(): this {
    const before = this.#length;
    const at = this.#room(Attribute.fingerprint, 4);
    writeU16(this.#arena, 2, this.#length - headerBytes);
    writeU32(this.#arena, at, fingerprintOf(this.#arena, before));
    return this;
  }

  /** The finished message. */
  bytes(): Uint8Array {
    writeU16(this.#arena, 2, this.#length - headerBytes);
    return this.#view(this.#length);
  }

  /** Gives where the IP address starts. */
  #address(type: number, address: Address, port: number): number {
    const arena = this.#arena;
    const at = this.#room(type, address.family === 4 ? 8 : 20);
    arena[at] = 0;
    arena[at + 1] = address.family === 4 ? 1 : 2;
    writeU16(arena, at + 2, port);
    if (address.family === 4) writeU32(arena, at + 4, address.ip);
    else for (let i = 0; i < 16; i++) arena[at + 4 + i] = address.ip.charCodeAt(i);
    return at + 4;
  }

  /** Every length here is a multiple of 4. */
  #view(length: number): Uint8Array {
    if (length > maxPayloadBytes) return this.#arena.subarray(0, length);
    return (this.#views[length >> 2] ??= this.#arena.subarray(0, length));
  }

  #room(type: number, length: number): number {
    const at = this.#length + 4;
    const end = at + ((length + 3) & ~3);
    assert(end <= this.#arena.length, "a message fits its builder");
    writeU16(this.#arena, this.#length, type);
    writeU16(this.#arena, this.#length + 2, length);
    this.#arena.fill(0, at + length, end);
    this.#length = end;
    return at;
  }
}
