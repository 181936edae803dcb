/**
 * Reading a STUN message (RFC 8489 section 5): `load` checks the form and notes where the attributes lie; nothing is
 * copied. One object serves for all datagrams of a machine.
 *
 *   0      2      4             8                      20
 *   | type |length| magic cookie | transaction id (12)  | attributes: type 2, length 2, value, padding to 4 ...
 */
import { readU16, readU32 } from "./bytes.ts";
import { crc32 } from "./crc32.ts";
import { Attribute, type MessageClass, magicCookie } from "./numbers.ts";

export type StunFault = "not-stun" | "bad-length" | "bad-attribute" | "too-many-attributes" | "bad-fingerprint";

export const headerBytes = 20;
const maxAttributes = 32;
const fingerprintXor = 0x5354_554e;
const none = new Uint8Array(0);

export class StunMessage {
  /** The whole message. */
  bytes: Uint8Array = none;
  method = 0;
  messageClass: MessageClass = 0;
  #count = 0;
  // Both have 64 bytes, which is what V8 makes at no cost: there is a message for each allocation that waits for its port.
  readonly #types = new Uint16Array(maxAttributes);
  /** Where each attribute's header starts, in steps of 4 bytes. */
  readonly #words = new Uint16Array(maxAttributes);
  readonly #transactionId = new Uint8Array(12);

  /**
   * Takes the datagram in, and says what is wrong with it if anything is. Attributes behind an integrity attribute are
   * left out, as RFC 8489 sections 14.5 and 14.6 want, so whatever `value` finds is covered by it.
   */
  load(bytes: Uint8Array): StunFault | undefined {
    this.#count = 0;
    this.bytes = bytes;
    if (bytes.length < headerBytes || (bytes[0] ?? 0xff) > 3 || readU32(bytes, 4) !== magicCookie) return "not-stun";
    if (readU16(bytes, 2) + headerBytes !== bytes.length || bytes.length % 4 !== 0) return "bad-length";
    const type = readU16(bytes, 0);
    this.method = (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2);
    this.messageClass = messageClassOf(type);
    const fault = this.#loadAttributes();
    if (fault !== undefined) this.#count = 0;
    return fault;
  }

  /** The 12 bytes that pair an answer with its question, valid until another message is loaded. */
  get transactionId(): Uint8Array {
    for (let i = 0; i < this.#transactionId.length; i++) this.#transactionId[i] = this.bytes[8 + i] ?? 0;
    return this.#transactionId;
  }

  /** A view of the value of the first attribute of that type; `undefined` when there is none. */
  value(type: number): Uint8Array | undefined {
    const at = this.offset(type);
    return at < 0 ? undefined : this.bytes.subarray(at + 4, at + 4 + readU16(this.bytes, at + 2));
  }

  /** Views of the values of all attributes of that type, in order. */
  values(type: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (let i = 0; i < this.#count; i++) {
      const at = 4 * (this.#words[i] ?? 0);
      if (this.#types[i] === type) found.push(this.bytes.subarray(at + 4, at + 4 + readU16(this.bytes, at + 2)));
    }
    return found;
  }

  /** As `value`, but `undefined` also when the length is another. */
  fixed(type: number, lengthBytes: number): Uint8Array | undefined {
    const value = this.value(type);
    return value?.length === lengthBytes ? value : undefined;
  }

  /** Where the value of the first attribute of that type starts; -1 when there is none, or its length is another. */
  start(type: number, lengthBytes: number): number {
    const at = this.offset(type);
    return at >= 0 && readU16(this.bytes, at + 2) === lengthBytes ? at + 4 : -1;
  }

  has(type: number): boolean {
    return this.offset(type) >= 0;
  }

  /** Where the header of the first attribute of that type starts; -1 when there is none. */
  offset(type: number): number {
    for (let i = 0; i < this.#count; i++) if (this.#types[i] === type) return 4 * (this.#words[i] ?? 0);
    return -1;
  }

  /** The types below 0x8000 that are not in `known`: a request with any is answered with 420 (RFC 8489 section 6.3.1). */
  unknownRequired(known: ReadonlySet<number>): number[] {
    const unknown: number[] = [];
    for (let i = 0; i < this.#count; i++) {
      const type = this.#types[i] ?? 0;
      if (type < 0x8000 && !known.has(type)) unknown.push(type);
    }
    return unknown;
  }

  #loadAttributes(): StunFault | undefined {
    const { bytes } = this;
    let at = headerBytes;
    let protectedBy = 0;
    while (at < bytes.length) {
      const type = readU16(bytes, at);
      const length = readU16(bytes, at + 2);
      const next = at + 4 + ((length + 3) & ~3);
      if (next > bytes.length) return "bad-attribute";
      if (type === Attribute.fingerprint && !this.#fingerprintMatches(at, length)) return "bad-fingerprint";
      if (counts(type, protectedBy)) {
        if (this.#count === maxAttributes) return "too-many-attributes";
        this.#types[this.#count] = type;
        this.#words[this.#count++] = at / 4;
        if (type === Attribute.messageIntegrity || type === Attribute.messageIntegritySha256) protectedBy = type;
      }
      at = next;
    }
    return undefined;
  }

  /** It must be the last attribute and the CRC of all before it (RFC 8489 section 14.7). */
  #fingerprintMatches(at: number, length: number): boolean {
    const { bytes } = this;
    return length === 4 && at + 8 === bytes.length && readU32(bytes, at + 4) === fingerprintOf(bytes, at);
  }
}

/** The FINGERPRINT of the first `length` bytes, whose length field must count it already. */
export function fingerprintOf(bytes: Uint8Array, length: number): number {
  return (crc32(bytes, length) ^ fingerprintXor) >>> 0;
}

function counts(type: number, protectedBy: number): boolean {
  if (protectedBy === 0 || type === Attribute.fingerprint) return true;
  return protectedBy === Attribute.messageIntegrity && type === Attribute.messageIntegritySha256;
}

/** The class in a message's first 16 bits (RFC 8489 section 5). */
export function messageClassOf(type: number): MessageClass {
  switch (type & 0x0110) {
    case 0x0000:
      return 0;
    case 0x0010:
      return 1;
    case 0x0100:
      return 2;
    default:
      return 3;
  }
}
