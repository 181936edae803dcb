/**
 * Transport addresses in tables of numbers, for paths on which nothing may be allocated. Five 32-bit words: the family
 * times 65,536 plus the port, and the IP address in network order; of IPv4 three words are 0.
 */
import type { Address } from "./address.ts";

export const addressWords = 5;

export function writeAddressWords(words: Uint32Array, at: number, address: Address): void {
  words[at] = address.family * 65_536 + address.port;
  if (address.family === 4) {
    words[at + 1] = address.ip;
    words.fill(0, at + 2, at + addressWords);
    return;
  }
  for (let word = 0; word < 4; word++) {
    let value = 0;
    for (let i = 4 * word; i < 4 * word + 4; i++) value = (value << 8) | address.ip.charCodeAt(i);
    words[at + 1 + word] = value;
  }
}

/** The inverse of `writeAddressWords`. */
export function addressFromWords(words: Uint32Array, at: number): Address {
  const first = words[at] ?? 0;
  const port = first & 0xffff;
  if (first >>> 16 === 4) return { family: 4, ip: words[at + 1] ?? 0, port };
  let ip = "";
  for (let i = 0; i < 16; i++)
    ip += String.fromCharCode(((words[at + 1 + (i >> 2)] ?? 0) >>> (24 - 8 * (i & 3))) & 0xff);
  return { family: 6, ip, port };
}

export function sameWords(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  for (let i = 0; i < addressWords; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}
