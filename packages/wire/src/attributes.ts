/** Reading attribute values out of a loaded message. Each gives `undefined` when the attribute is absent or malformed. */
import { type Address, addressFromBytes } from "@fractal-punch/machine";
import { readU16, readU32, readU64 } from "./bytes.ts";
import type { StunMessage } from "./message.ts";
import { Attribute, firstChannel, lastChannel, magicCookie } from "./numbers.ts";
import { asciiText } from "./text.ts";

const maxTextBytes = 508;

/** The first address of that type (RFC 8489 section 14.2). */
export function xorAddress(message: StunMessage, type: number): Address | undefined {
  return xorAddresses(message, type)[0];
}

/** All addresses of that type, in order; malformed ones are left out. */
export function xorAddresses(message: StunMessage, type: number): Address[] {
  const found: Address[] = [];
  for (const value of message.values(type)) {
    const length = addressBytes(value);
    if (length === 0) continue;
    const ip = new Uint8Array(length);
    for (let i = 0; i < length; i++) ip[i] = (value[4 + i] ?? 0) ^ (message.bytes[4 + i] ?? 0);
    const address = addressFromBytes(ip, readU16(value, 2) ^ (magicCookie >>> 16));
    if (address !== undefined) found.push(address);
  }
  return found;
}

/** How many bytes the address itself has: 4 or 16; 0 when it is malformed. */
function addressBytes(value: Uint8Array): number {
  const length = value[1] === 1 ? 4 : value[1] === 2 ? 16 : 0;
  return value.length === 4 + length ? length : 0;
}

/** An address that is not XORed: MAPPED-ADDRESS (RFC 8489 section 14.1), RESPONSE-ORIGIN and OTHER-ADDRESS (RFC 5780). */
export function plainAddress(message: StunMessage, type: number): Address | undefined {
  const value = message.value(type);
  const length = value && addressBytes(value);
  return length ? addressFromBytes(value.subarray(4), readU16(value, 2)) : undefined;
}

export function textOf(message: StunMessage, type: number): string | undefined {
  const value = message.value(type);
  return value === undefined || value.length > maxTextBytes ? undefined : asciiText(value);
}

export function u32Of(message: StunMessage, type: number): number | undefined {
  const at = message.start(type, 4);
  return at < 0 ? undefined : readU32(message.bytes, at);
}

export function u64Of(message: StunMessage, type: number): number | undefined {
  const at = message.start(type, 8);
  return at < 0 ? undefined : readU64(message.bytes, at);
}

/** A number in the range of channels, up to `last`. */
export function channelOf(message: StunMessage, last: number = lastChannel): number | undefined {
  const value = message.fixed(Attribute.channelNumber, 4);
  const number = value ? readU16(value, 0) : 0;
  return number >= firstChannel && number <= last ? number : undefined;
}

export function errorCodeOf(message: StunMessage): number | undefined {
  const value = message.value(Attribute.errorCode);
  if (value === undefined || value.length < 4) return undefined;
  const hundreds = (value[2] ?? 0) & 7;
  const units = value[3] ?? 0;
  return hundreds >= 3 && hundreds <= 6 && units < 100 ? hundreds * 100 + units : undefined;
}

/** CHANGE-REQUEST (RFC 5780 section 7.2): what of the server's address the answer is to leave from. */
export function changeRequestOf(message: StunMessage): { readonly ip: boolean; readonly port: boolean } | undefined {
  const flags = u32Of(message, Attribute.changeRequest);
  return flags === undefined ? undefined : { ip: (flags & 4) !== 0, port: (flags & 2) !== 0 };
}

/** RESPONSE-PORT (RFC 5780 section 7.5). The two bytes of padding behind the port may be counted in the length or not. */
export function responsePortOf(message: StunMessage): number | undefined {
  const value = message.value(Attribute.responsePort);
  return value?.length === 2 || value?.length === 4 ? readU16(value, 0) : undefined;
}
