/** ChannelData (RFC 8656 section 12.4): channel 2, length 2, data. Padding to 4 is for streams only. */
import { readU16, writeU16 } from "./bytes.ts";
import { firstChannel, lastChannel } from "./numbers.ts";

export const channelHeaderBytes = 4;

/** The channel's number; `undefined` when it is none up to `last`, or the length says more than there is. */
export function channelDataNumber(bytes: Uint8Array, last: number = lastChannel): number | undefined {
  const channel = readU16(bytes, 0);
  if (bytes.length < channelHeaderBytes || channel < firstChannel || channel > last) return undefined;
  return readU16(bytes, 2) + channelHeaderBytes > bytes.length ? undefined : channel;
}

/** `isPadded`: to a multiple of 4 bytes, as over a stream, where the next message follows (RFC 8656 section 12.5). */
export function encodeChannelData(number: number, data: Uint8Array, isPadded: boolean): Uint8Array {
  const bytes = new Uint8Array(channelHeaderBytes + data.length + (isPadded ? channelPaddingBytes(data.length) : 0));
  writeChannelHeader(bytes, number, data.length);
  bytes.set(data, channelHeaderBytes);
  return bytes;
}

/** A view of the data behind the header; call `channelDataNumber` first. */
export function channelDataPayload(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(channelHeaderBytes, channelHeaderBytes + readU16(bytes, 2));
}

export function writeChannelHeader(bytes: Uint8Array, channel: number, lengthBytes: number): void {
  writeU16(bytes, 0, channel);
  writeU16(bytes, 2, lengthBytes);
}

/** What follows the data over TCP and TLS, and is not counted by its length (RFC 8656 section 12.5): 0 to 3 bytes. */
export function channelPaddingBytes(lengthBytes: number): number {
  return -lengthBytes & 3;
}
