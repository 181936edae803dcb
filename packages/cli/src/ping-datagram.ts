/** A ping: an application datagram that a host sends back as it is (docs/protocol.md section 12). */
import { readU32, writeU32 } from "@fractal-punch/wire";
import { isPing, pingForm } from "./pieces.ts";

export const pingTokenBytes = 8;
const pingBytes = 8 + pingTokenBytes;

/** `token` tells the pings of one command from those of others, and shows that the content came back whole. */
export function encodePing(sequence: number, token: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(pingBytes);
  bytes[0] = pingForm;
  writeU32(bytes, 4, sequence);
  bytes.set(token, 8);
  return bytes;
}

/** The sequence number; `undefined` when it is not a ping with this token. */
export function decodePing(bytes: Uint8Array, token: Uint8Array): number | undefined {
  if (bytes.length !== pingBytes || !isPing(bytes)) return undefined;
  return token.every((byte, index) => bytes[8 + index] === byte) ? readU32(bytes, 4) : undefined;
}
