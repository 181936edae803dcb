/**
 * The cryptographic primitives that machines are given. Inputs are never kept and never written to, unless said so.
 * Results are new arrays.
 */

/** Message authentication: RFC 2104 over SHA-1 (TURN's old credentials) and SHA-256. */
export interface Macs {
  /** 20 bytes. */
  hmacSha1(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** 32 bytes. */
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array;
}

/** The digests that long-term credentials name (RFC 8489 sections 9.2 and 18.5). */
export interface Digests {
  /** 16 bytes (RFC 1321). */
  md5(data: Uint8Array): Uint8Array;
  /** 32 bytes. */
  sha256(data: Uint8Array): Uint8Array;
}

/** X25519 (RFC 7748). Keys and results are 32 bytes. */
export interface Curve {
  publicKey(secretKey: Uint8Array): Uint8Array;
  /** The shared secret; `undefined` when it is all zero, which a hostile public key can cause. */
  dh(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;
}

/** BLAKE2b-512 and ChaCha20-Poly1305 with Noise's nonce: 4 zero bytes, then the counter, 8 bytes little-endian. */
export interface Cipher {
  /** 64 bytes. */
  hash(data: Uint8Array): Uint8Array;
  /** Writes ciphertext and 16-byte tag to `out`, which has `plain.length + 16` bytes and may start where `plain` does. */
  seal(key: Uint8Array, counter: number, ad: Uint8Array, plain: Uint8Array, out: Uint8Array): void;
  /** Writes the plaintext to `out` (`sealed.length - 16` bytes, may start where `sealed` does); false when forged. */
  open(key: Uint8Array, counter: number, ad: Uint8Array, sealed: Uint8Array, out: Uint8Array): boolean;
}

/** What the server needs. */
export type ServerPrimitives = Macs & Digests & Curve;

/** What a peer needs. */
export type PeerPrimitives = Macs & Curve & Cipher;

/** One block of HKDF-SHA256 (RFC 5869): 32 bytes. */
export function hkdfSha256(macs: Macs, secret: Uint8Array, salt: Uint8Array, info: Uint8Array): Uint8Array {
  const block = new Uint8Array(info.length + 1);
  block.set(info);
  block[info.length] = 1;
  return macs.hmacSha256(macs.hmacSha256(salt, secret), block);
}

/** Compares in a time that depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
