/** Four tables of 256: what a byte does to the CRC, alone and with one, two or three zero bytes behind it. */
const tables = new Uint32Array(4 * 256);
for (let index = 0; index < 256; index++) {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  tables[index] = value;
}
for (let index = 256; index < tables.length; index++) {
  const before = tables[index - 256] ?? 0;
  tables[index] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
}

/** CRC-32 as in ISO 3309 (RFC 8489 section 14.7, before its XOR), of the first `length` bytes. */
export function crc32(bytes: Uint8Array, length: number): number {
  let crc = 0xffff_ffff;
  let at = 0;
  // Four bytes at once: one after the other they cost an introduction as much as its MACs.
  for (; at + 4 <= length; at += 4) {
    crc ^= (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    const low = (tables[768 + (crc & 0xff)] ?? 0) ^ (tables[512 + ((crc >>> 8) & 0xff)] ?? 0);
    crc = low ^ (tables[256 + ((crc >>> 16) & 0xff)] ?? 0) ^ (tables[crc >>> 24] ?? 0);
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return (crc ^ 0xffff_ffff) >>> 0;
}
