/** struct sockaddr_in and sockaddr_in6 to and from address words (`machine`'s address-words.ts). */

export const nameBytes = 28;
const inet = 2;
const inet6 = 10;

/** What `bind` and `sendmsg` are given; its length is the second. */
export function nameLength(words: Uint32Array, at: number): number {
  return familyOf(words, at) === 4 ? 16 : nameBytes;
}

export function familyOf(words: Uint32Array, at: number): 4 | 6 {
  return (words[at] ?? 0) >>> 16 === 4 ? 4 : 6;
}

/** `at32` is the offset of the name in words of 32 bits. */
export function writeName(u32: Uint32Array, at32: number, words: Uint32Array, at: number): void {
  const first = words[at] ?? 0;
  const port = swap16(first & 0xffff);
  if (first >>> 16 === 4) {
    u32[at32] = inet | (port << 16);
    u32[at32 + 1] = swap32(words[at + 1] ?? 0);
    u32[at32 + 2] = 0;
    u32[at32 + 3] = 0;
    return;
  }
  u32[at32] = inet6 | (port << 16);
  u32[at32 + 1] = 0;
  for (let i = 1; i <= 4; i++) u32[at32 + 1 + i] = swap32(words[at + i] ?? 0);
  u32[at32 + 6] = 0;
}

/** False for a name that no machine may see: of another family, with a zone ("fe80::1%eth0"), or IPv4-mapped. */
export function readName(u32: Uint32Array, at32: number, words: Uint32Array, at: number): boolean {
  const first = u32[at32] ?? 0;
  const port = swap16(first >>> 16);
  if ((first & 0xffff) === inet) {
    words[at] = 4 * 65_536 + port;
    words[at + 1] = swap32(u32[at32 + 1] ?? 0);
    words[at + 2] = 0;
    words[at + 3] = 0;
    words[at + 4] = 0;
    return true;
  }
  if ((first & 0xffff) !== inet6 || u32[at32 + 6] !== 0) return false;
  words[at] = 6 * 65_536 + port;
  for (let i = 1; i <= 4; i++) words[at + i] = swap32(u32[at32 + 1 + i] ?? 0);
  return !(words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 0xffff);
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

export function swap32(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
