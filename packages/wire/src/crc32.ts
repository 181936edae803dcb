/** Eight tables of 256: what a byte does to the CRC, alone and with one to seven zero bytes behind it. Signed, as V8 takes them fastest. */
const tables = new Int32Array(8 * 256);
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
  // Eight bytes at once: one after the other they cost an introduction as much as its MACs.
  for (; at + 8 <= length; at += 8) {
    crc ^= (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    const first = (tables[0x700 + (crc & 0xff)] ?? 0) ^ (tables[0x600 + ((crc >>> 8) & 0xff)] ?? 0);
    const second = (tables[0x500 + ((crc >>> 16) & 0xff)] ?? 0) ^ (tables[0x400 + (crc >>> 24)] ?? 0);
    const third = (tables[0x300 + (bytes[at + 4] ?? 0)] ?? 0) ^ (tables[0x200 + (bytes[at + 5] ?? 0)] ?? 0);
    const fourth = (tables[0x100 + (bytes[at + 6] ?? 0)] ?? 0) ^ (tables[bytes[at + 7] ?? 0] ?? 0);
    crc = first ^ second ^ third ^ fourth;
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return (crc ^ 0xffff_ffff) >>> 0;
}
