/** The clock, the randomness and the cryptography that machines are given in production: Node's own. */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  type KeyObject,
  randomFillSync,
} from "node:crypto";
import { assert, equalBytes, type PeerPrimitives, type Random, type ServerPrimitives } from "@fractal-punch/machine";

const keyBytes = 32;
const tagBytes = 16;

/** The operating system's generator, asked for many bytes at once: a call costs 3 us whatever it gives. */
export const systemRandom: Random = {
  fill(bytes) {
    if (bytes.length > pool.length) return void randomFillSync(bytes);
    if (poolUsed + bytes.length > pool.length) {
      randomFillSync(pool);
      poolUsed = 0;
    }
    bytes.set(pool.subarray(poolUsed, poolUsed + bytes.length));
    // So that what was given out once is in this process only where it is used.
    pool.fill(0, poolUsed, poolUsed + bytes.length);
    poolUsed += bytes.length;
  },
};

const pool = new Uint8Array(1024);
let poolUsed: number = pool.length;

/** ms since some moment in the past; never goes back. It may stand still while the computer sleeps. */
export function monotonicNow(): number {
  return performance.now();
}

/** ms since 1970, by a clock that people and NTP may set. */
export function epochNow(): number {
  return Date.now();
}

/**
 * All primitives by node:crypto. Results are plain arrays, not Buffers, whose `slice` would not copy. A key or an output
 * of the wrong length is a broken invariant and throws; nothing that came from the network does.
 */
export const nodePrimitives: PeerPrimitives & ServerPrimitives = {
  hmacSha1: (key, data) => hmac("sha1", key, data),
  hmacSha256: (key, data) => hmac("sha256", key, data),
  md5: (data) => digest("md5", data),
  sha256: (data) => digest("sha256", data),
  hash: (data) => digest("blake2b512", data),

  publicKey(secretKey) {
    const { x } = privateKeyObject(secretKey).export({ format: "jwk" });
    assert(x !== undefined, "an X25519 key without its public part");
    return new Uint8Array(Buffer.from(x, "base64url"));
  },

  dh(secretKey, publicKey) {
    const keys = { privateKey: privateKeyObject(secretKey), publicKey: publicKeyObject(publicKey) };
    try {
      return plainBytes(diffieHellman(keys));
    } catch {
      // OpenSSL refuses an all-zero result, and has no other reason to fail with two keys that it has taken.
      return undefined;
    }
  },

  seal(key, counter, ad, plain, out) {
    assert(out.length === plain.length + tagBytes, "room for ciphertext and tag");
    const cipher = createCipheriv("chacha20-poly1305", key, noiseNonce(counter), { authTagLength: tagBytes });
    cipher.setAAD(ad, { plaintextLength: plain.length });
    out.set(cipher.update(plain));
    cipher.final();
    out.set(cipher.getAuthTag(), plain.length);
  },

  open(key, counter, ad, sealed, out) {
    const length = sealed.length - tagBytes;
    if (length < 0) return false;
    assert(out.length === length, "room for the plaintext");
    const decipher = createDecipheriv("chacha20-poly1305", key, noiseNonce(counter), { authTagLength: tagBytes });
    decipher.setAAD(ad, { plaintextLength: length });
    decipher.setAuthTag(sealed.subarray(length));
    const plain = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
    } catch {
      return false;
    }
    out.set(plain);
    return true;
  },
};

/** By way of a text, which is made in a third of the time that a Buffer takes. */
function digest(algorithm: string, data: Uint8Array): Uint8Array {
  const text = hash(algorithm, data, "binary");
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

const blockBytes = 64;
const innerPad = 0x3636_3636;
/** Makes the outer padding of the inner one. */
const padChange = 0x3636_3636 ^ 0x5c5c_5c5c;
/** What a digest of an HMAC is taken of: the padded key, then the data or the inner digest. */
const digested = new Uint8Array(blockBytes + 2_048);
const paddedKey = new Int32Array(digested.buffer, 0, blockBytes / 4);
/** By length; a view costs more than what it is needed for. */
const digestedViews: Uint8Array[] = [];

/** RFC 2104, of two digests: node:crypto makes a stream for each HMAC, which takes three times as long. */
function hmac(algorithm: "sha1" | "sha256", key: Uint8Array, data: Uint8Array): Uint8Array {
  const shortKey = key.length > blockBytes ? digest(algorithm, key) : key;
  digested.set(shortKey);
  digested.fill(0, shortKey.length, blockBytes);
  for (let i = 0; i < paddedKey.length; i++) paddedKey[i] = (paddedKey[i] ?? 0) ^ innerPad;
  const inner = hash(algorithm, paddedData(data), "binary");
  for (let i = 0; i < paddedKey.length; i++) paddedKey[i] = (paddedKey[i] ?? 0) ^ padChange;
  for (let i = 0; i < inner.length; i++) digested[blockBytes + i] = inner.charCodeAt(i);
  return digest(algorithm, digestedView(blockBytes + inner.length));
}

function paddedData(data: Uint8Array): Uint8Array {
  const length = blockBytes + data.length;
  if (length > digested.length) {
    const long = new Uint8Array(length);
    long.set(digested.subarray(0, blockBytes));
    long.set(data, blockBytes);
    return long;
  }
  digested.set(data, blockBytes);
  return digestedView(length);
}

function digestedView(length: number): Uint8Array {
  return (digestedViews[length] ??= digested.subarray(0, length));
}

function noiseNonce(counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(4, counter % 0x1_0000_0000, true);
  view.setUint32(8, Math.floor(counter / 0x1_0000_0000), true);
  return nonce;
}

/** The private key imported last: a server has only one, and a handshake uses each of its two twice in a row. */
let lastImported: { readonly bytes: Uint8Array; readonly object: KeyObject } | undefined;

/**
 * As JWK, because OpenSSL 3 takes ten times as long over DER. `x` must be there but is not looked at: the public part is
 * computed from `d`.
 */
function privateKeyObject(secretKey: Uint8Array): KeyObject {
  assert(secretKey.length === keyBytes, "an X25519 secret key has 32 bytes");
  if (lastImported !== undefined && equalBytes(lastImported.bytes, secretKey)) return lastImported.object;
  const d = base64Url(secretKey);
  const object = createPrivateKey({ format: "jwk", key: { kty: "OKP", crv: "X25519", d, x: d } });
  lastImported = { bytes: Uint8Array.from(secretKey), object };
  return object;
}

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  assert(publicKey.length === keyBytes, "an X25519 public key has 32 bytes");
  return createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "X25519", x: base64Url(publicKey) } });
}

function base64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
}

function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
