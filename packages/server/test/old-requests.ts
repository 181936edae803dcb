/** The requests of the classic protocols, written by hand from their description, and what answers say. */
import { type Address, addressFromIpText, addressText, ipBytes } from "@fractal-punch/machine";
import { at, type Sent } from "./test-server.ts";

export function text(characters: string): Uint8Array {
  return Uint8Array.from(characters, (character) => character.charCodeAt(0));
}

/** Ports are two bytes, the high one first. */
export function ask(ip: string, publicPort: number): Uint8Array {
  return Uint8Array.of(0, 0, 0, 0, ...bytesOfIp(ip), 0, 0, publicPort >> 8, publicPort & 0xff);
}

export function post(publicPort: number, ip: string = "10.0.0.5"): Uint8Array {
  return Uint8Array.of(1, 0, 0, 0, ...bytesOfIp(ip), 0x12, 0x34, publicPort >> 8, publicPort & 0xff);
}

/** "to: ip privatePort publicPort" for each, in order; all are 8 bytes. */
export function answers(sent: readonly Sent[]): string[] {
  return sent.map(({ to, bytes }) => {
    if (bytes.length !== 8) return `${addressText(to)}: ${bytes.length} bytes`;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return `${addressText(to)}: ${bytes.subarray(0, 4).join(".")} ${view.getUint16(4)} ${view.getUint16(6)}`;
  });
}

/** Addresses of as many different /24s, at port 5000. */
export function strangers(count: number): Address[] {
  return Array.from({ length: count }, (_, i) => at(`${11 + (i >> 16)}.${(i >> 8) & 0xff}.${i & 0xff}.9:5000`));
}

function bytesOfIp(ip: string): Uint8Array {
  const address = addressFromIpText(ip, 0);
  return address === undefined ? new Uint8Array(4) : ipBytes(address);
}
