/**
 * Long-term credentials (RFC 8489 sections 9.2, 14.4, 14.11, 14.12): keys, user hashes, password algorithms, and what a
 * nonce says of them.
 *
 * Usernames, realms and passwords are texts as `textOf` gives them: one character for each byte of UTF-8. OpaqueString
 * (RFC 8265) is a matter of whoever types a name or a password in. Here bytes are compared and hashed as they are, so
 * that no two spellings are ever taken for one user; what is configured has to be in that form.
 */
import { assert, type Digests } from "@fractal-punch/machine";
import { ByteReader, ByteWriter, concatBytes } from "./bytes.ts";
import type { StunMessage } from "./message.ts";
import { Attribute } from "./numbers.ts";
import { asciiBytes, asciiText, base64UrlBytes, base64UrlText } from "./text.ts";

/** Which digest makes the key (RFC 8489 section 18.5). */
export type PasswordAlgorithm = "md5" | "sha256";

const algorithmNumbers: Readonly<Record<PasswordAlgorithm, number>> = { md5: 0x0001, sha256: 0x0002 };

/** The key of both MESSAGE-INTEGRITY attributes (RFC 8489 section 18.5.1): 16 bytes with MD5, 32 with SHA-256. */
export function longTermKey(
  digests: Digests,
  algorithm: PasswordAlgorithm,
  username: string,
  realm: string,
  password: string,
): Uint8Array {
  const data = bytesOfText(`${username}:${realm}:${password}`);
  return algorithm === "md5" ? digests.md5(data) : digests.sha256(data);
}

/** The value of USERHASH, which stands for USERNAME (RFC 8489 section 14.4): 32 bytes. */
export function userhashOf(digests: Digests, username: string, realm: string): Uint8Array {
  return digests.sha256(bytesOfText(`${username}:${realm}`));
}

/** A wider character would become the same byte as others do, and two passwords one. */
function bytesOfText(text: string): Uint8Array {
  for (let i = 0; i < text.length; i++)
    assert(text.charCodeAt(i) <= 0xff, "credentials have a character for each byte");
  return asciiBytes(text);
}

/** The value of PASSWORD-ALGORITHMS, the preferred one first; of a single algorithm, the value of PASSWORD-ALGORITHM. */
export function passwordAlgorithmsValue(algorithms: readonly PasswordAlgorithm[]): Uint8Array {
  const writer = new ByteWriter();
  for (const algorithm of algorithms) writer.u16(algorithmNumbers[algorithm]).u16(0);
  return writer.done();
}

/** What PASSWORD-ALGORITHMS offers, in order; `undefined` when it is absent, empty or malformed. */
export function passwordAlgorithmsOf(message: StunMessage): readonly (PasswordAlgorithm | "unknown")[] | undefined {
  return readAlgorithms(message.value(Attribute.passwordAlgorithms));
}

/** What PASSWORD-ALGORITHM chose; `undefined` when it is absent or malformed. */
export function passwordAlgorithmOf(message: StunMessage): PasswordAlgorithm | "unknown" | undefined {
  const chosen = readAlgorithms(message.value(Attribute.passwordAlgorithm));
  return chosen?.length === 1 ? chosen[0] : undefined;
}

/** Each: number 2, length 2, parameters, padding to 4, which the last one may have left out of the attribute's length. */
function readAlgorithms(value: Uint8Array | undefined): (PasswordAlgorithm | "unknown")[] | undefined {
  const found: (PasswordAlgorithm | "unknown")[] = [];
  const reader = new ByteReader(value ?? new Uint8Array(0));
  while (reader.remaining > 0) {
    const number = reader.u16();
    const length = reader.u16();
    reader.take(length);
    if (reader.failed) return undefined;
    reader.take(Math.min(-length & 3, reader.remaining));
    found.push(length === 0 ? algorithmOf(number) : "unknown");
  }
  return found.length === 0 ? undefined : found;
}

/** The two that are known have no parameters. */
function algorithmOf(number: number): PasswordAlgorithm | "unknown" {
  if (number === algorithmNumbers.md5) return "md5";
  return number === algorithmNumbers.sha256 ? "sha256" : "unknown";
}

/** What a server says in its nonces that it can do, so that nobody on the way can take it out of its answers. */
export interface SecurityFeatures {
  /** It sends PASSWORD-ALGORITHMS. */
  readonly passwordAlgorithms: boolean;
  /** It knows USERHASH. */
  readonly usernameAnonymity: boolean;
}

const cookie = "obMatJos2";
const featureDigits = 4;
// Erratum 6290: the bits of the three bytes are counted from the last one's lowest.
const passwordAlgorithmsBit = 1;
const usernameAnonymityBit = 2;

/** What such a nonce begins with (RFC 8489 section 9.2): 13 characters. */
export function nonceCookie({ passwordAlgorithms, usernameAnonymity }: SecurityFeatures): Uint8Array {
  const bits = (passwordAlgorithms ? passwordAlgorithmsBit : 0) | (usernameAnonymity ? usernameAnonymityBit : 0);
  return concatBytes(asciiBytes(cookie), asciiBytes(base64UrlText(Uint8Array.of(0, 0, bits))));
}

/** `undefined` when the nonce does not begin with a cookie. Features that nobody here knows are left out. */
export function securityFeatures(nonce: Uint8Array): SecurityFeatures | undefined {
  const start = asciiText(nonce.subarray(0, cookie.length + featureDigits));
  if (!start.startsWith(cookie) || start.length !== cookie.length + featureDigits) return undefined;
  const digits = start.slice(cookie.length);
  if (/[-_]/.test(digits)) return undefined;
  const bits = base64UrlBytes(digits.replaceAll("+", "-").replaceAll("/", "_"))?.[2];
  if (bits === undefined) return undefined;
  return {
    passwordAlgorithms: (bits & passwordAlgorithmsBit) !== 0,
    usernameAnonymity: (bits & usernameAnonymityBit) !== 0,
  };
}
