/** Text and bytes: ASCII, base64url (RFC 4648 section 5) and base32 (section 6, lower case), both without padding. */

const base64Alphabet = alphabetOf("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
const base32Alphabet = alphabetOf("abcdefghijklmnopqrstuvwxyz234567");

/** Digits that stand for a number of bits. */
interface Alphabet {
  /** Character codes, by digit. */
  readonly codes: Uint8Array;
  /** By character code; 255 for what is no digit. */
  readonly digits: Uint8Array;
}

function alphabetOf(characters: string): Alphabet {
  const codes = Uint8Array.from(characters, (character) => character.charCodeAt(0));
  const digits = new Uint8Array(256).fill(255);
  for (const [digit, code] of codes.entries()) digits[code] = digit;
  return { codes, digits };
}

/**
 * The characters as bytes; characters above 255 do not occur in what this project writes, and become "?". In `room`, if
 * there is enough: then they are valid until that is used again.
 */
export function asciiBytes(text: string, room?: Uint8Array): Uint8Array {
  const fits = room !== undefined && text.length <= room.length;
  const bytes = fits ? room.subarray(0, text.length) : new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff)
      return asciiBytes(Array.from(text, (character) => (character > "\u00ff" ? "?" : character)).join(""));
    bytes[i] = code;
  }
  return bytes;
}

/** Plain arrays to make texts from, by length: names, keys and ids have few lengths, and are read all the time. */
const codesByLength: number[][] = [];
const longestKept = 128;

/**
 * For what fits a datagram. Made at once: a text that was grown by single characters holds 32 bytes for each of them as
 * long as nobody reads it. By way of a plain array, which V8 spreads eight times as fast as a typed one.
 */
export function asciiText(bytes: Uint8Array): string {
  const { length } = bytes;
  const codes = length > longestKept ? codesOf(length) : (codesByLength[length] ??= codesOf(length));
  for (let i = 0; i < length; i++) codes[i] = bytes[i] ?? 0;
  return String.fromCharCode(...codes);
}

function codesOf(length: number): number[] {
  return Array<number>(length).fill(0);
}

export function base64UrlText(bytes: Uint8Array): string {
  return asciiText(base64UrlAscii(bytes));
}

/** The same as bytes. */
export function base64UrlAscii(bytes: Uint8Array): Uint8Array {
  return digitsAscii(bytes, 6, base64Alphabet);
}

/** `undefined` for text that `base64UrlText` would not have written. */
export function base64UrlBytes(text: string): Uint8Array | undefined {
  return digitsBytes(text, 6, base64Alphabet);
}

export function base32Text(bytes: Uint8Array): string {
  return asciiText(digitsAscii(bytes, 5, base32Alphabet));
}

/** `undefined` for text that `base32Text` would not have written. */
export function base32Bytes(text: string): Uint8Array | undefined {
  return digitsBytes(text, 5, base32Alphabet);
}

function digitsAscii(bytes: Uint8Array, bitsPerDigit: number, { codes }: Alphabet): Uint8Array {
  const mask = (1 << bitsPerDigit) - 1;
  const digits = new Uint8Array(Math.ceil((bytes.length * 8) / bitsPerDigit));
  let at = 0;
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= bitsPerDigit) {
      bits -= bitsPerDigit;
      digits[at++] = codes[(held >> bits) & mask] ?? 0;
    }
  }
  if (bits > 0) digits[at] = codes[(held << (bitsPerDigit - bits)) & mask] ?? 0;
  return digits;
}

function digitsBytes(text: string, bitsPerDigit: number, { digits }: Alphabet): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.floor((text.length * bitsPerDigit) / 8));
  let at = 0;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = digits[text.charCodeAt(i)] ?? 255;
    if (digit === 255) return undefined;
    held = ((held << bitsPerDigit) | digit) & 0xffff;
    bits += bitsPerDigit;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits;
  }
  const canonical = bits < bitsPerDigit && (held & ((1 << bits) - 1)) === 0;
  return canonical ? bytes : undefined;
}
