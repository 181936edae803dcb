/** Where a server takes TLS, and the key of its certificate by which it is known (docs/protocol.md section 14). */
import { readU16, writeU16 } from "./bytes.ts";

export interface TlsEntrance {
  readonly port: number;
  /** SHA-256 of the certificate's public key (SubjectPublicKeyInfo, DER), 32 bytes. */
  readonly keyHash: Uint8Array;
}

/** The attribute TLS-ENTRANCE: port 2, reserved 2, hash 32. */
export const tlsEntranceBytes = 36;

export function tlsEntranceValue({ port, keyHash }: TlsEntrance): Uint8Array {
  const value = new Uint8Array(tlsEntranceBytes);
  writeU16(value, 0, port);
  value.set(keyHash, 4);
  return value;
}

export function tlsEntranceOf(value: Uint8Array): TlsEntrance {
  return { port: readU16(value, 0), keyHash: value.slice(4, tlsEntranceBytes) };
}
