/**
 * 5-tuples as words in rows: the server's port, the far one, and the address. That of IPv4 stands as IPv4-mapped IPv6,
 * which no other is.
 */
import type { Address, PortId } from "@fractal-punch/machine";
import type { Rows } from "./rows.ts";

export const tupleWords = 6;
const ipWords = 4;
const ip4Mark = 0xffff;

export function writeTuple(words: Uint32Array, port: PortId, address: Address): void {
  words[0] = port;
  words[1] = address.port;
  if (address.family === 4) {
    words[2] = 0;
    words[3] = 0;
    words[4] = ip4Mark;
    words[5] = address.ip;
    return;
  }
  const { ip } = address;
  for (let i = 0; i < ipWords; i++) {
    const low = (ip.charCodeAt(4 * i + 1) << 16) | (ip.charCodeAt(4 * i + 2) << 8) | ip.charCodeAt(4 * i + 3);
    words[2 + i] = ip.charCodeAt(4 * i) * 0x100_0000 + low;
  }
}

/** The far address of the 5-tuple that starts there. */
export function readAddress(rows: Rows, row: number, at: number): Address {
  const port = rows.word(row, at + 1);
  const isIp4 = rows.word(row, at + 2) === 0 && rows.word(row, at + 3) === 0 && rows.word(row, at + 4) === ip4Mark;
  if (isIp4) return { family: 4, ip: rows.word(row, at + 5), port };
  const codes: number[] = [];
  for (let i = 0; i < ipWords; i++) {
    const word = rows.word(row, at + 2 + i);
    codes.push(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
  }
  return { family: 6, ip: String.fromCharCode(...codes), port };
}
