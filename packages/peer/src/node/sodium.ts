/** A peer's cryptographic primitives: libsodium's, which are about three times as fast as Node's own, where it loads. */
import { assert, type PeerPrimitives } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import type { Sodium } from "sodium-native";

const keyBytes = 32;
const hashBytes = 64;
const tagBytes = 16;
const blockBytes = 64;
const shaBytes = 32;

export interface LoadedPrimitives {
  readonly primitives: PeerPrimitives;
  /** One sentence for people; there when Node's own cryptography stands in. */
  readonly warning?: string;
}

/** Never rejects: where sodium-native has no binary for this machine, Node's own cryptography does the same. */
export async function loadPrimitives(): Promise<LoadedPrimitives> {
  try {
    const { default: sodium } = await import("sodium-native");
    return { primitives: sodiumPrimitives(sodium) };
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause);
    const warning = `sodium-native does not load here (${reason}); Node's own cryptography is used, which is as safe but slower`;
    return { primitives: nodePrimitives, warning };
  }
}

function sodiumPrimitives(sodium: Sodium): PeerPrimitives {
  const open = opener(sodium);
  const nonce = new NoiseNonce();
  return {
    hmacSha1: (key, data) => nodePrimitives.hmacSha1(key, data),
    hmacSha256: hmac(sodium),

    hash(data) {
      const hash = new Uint8Array(hashBytes);
      sodium.crypto_generichash(hash, data);
      return hash;
    },

    publicKey(secretKey) {
      const publicKey = new Uint8Array(keyBytes);
      sodium.crypto_scalarmult_base(publicKey, secretKey);
      return publicKey;
    },

    dh(secretKey, publicKey) {
      assert(secretKey.length === keyBytes && publicKey.length === keyBytes, "X25519 keys have 32 bytes");
      const shared = new Uint8Array(keyBytes);
      try {
        sodium.crypto_scalarmult(shared, secretKey, publicKey);
      } catch {
        // With keys of the right length, an all-zero result is the only reason to fail.
        return undefined;
      }
      return shared;
    },

    seal(key, counter, ad, plain, out) {
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(out, plain, ad, null, nonce.of(counter), key);
    },

    open,
  };
}

/**
 * Opens by way of a scratch array, which costs a fiftieth of the time: libsodium fills its output with zeros when a
 * packet is forged, and where that is the packet itself, no other key could be tried on it.
 */
function opener(sodium: Sodium): PeerPrimitives["open"] {
  const nonce = new NoiseNonce();
  let scratch = new Uint8Array(2048);
  let plain = scratch;
  return (key, counter, ad, sealed, out) => {
    const length = sealed.length - tagBytes;
    if (length < 0) return false;
    assert(key.length === keyBytes && out.length === length, "a key of 32 bytes, and room for the plaintext");
    if (length > scratch.length) scratch = new Uint8Array(length);
    // The one before was most likely as long, and a view costs as much as the copy of what is in it.
    if (length !== plain.length) plain = scratch.subarray(0, length);
    try {
      sodium.crypto_aead_chacha20poly1305_ietf_decrypt(plain, null, sealed, ad, nonce.of(counter), key);
    } catch {
      return false;
    }
    out.set(plain);
    return true;
  };
}

/** RFC 2104 over libsodium's SHA-256: Node's Hmac is an object for each message, which costs more than the hash. */
function hmac(sodium: Sodium): PeerPrimitives["hmacSha256"] {
  const outer = new Uint8Array(blockBytes + shaBytes);
  const digest = outer.subarray(blockBytes);
  let scratch = new Uint8Array(2048);
  return (key, data) => {
    if (key.length > blockBytes) return nodePrimitives.hmacSha256(key, data);
    if (blockBytes + data.length > scratch.length) scratch = new Uint8Array(blockBytes + data.length);
    pad(scratch, key, 0x36);
    pad(outer, key, 0x5c);
    scratch.set(data, blockBytes);
    sodium.crypto_hash_sha256(digest, scratch.subarray(0, blockBytes + data.length));
    const mac = new Uint8Array(shaBytes);
    sodium.crypto_hash_sha256(mac, outer);
    return mac;
  };
}

function pad(block: Uint8Array, key: Uint8Array, byte: number): void {
  block.fill(byte, key.length, blockBytes);
  for (let i = 0; i < key.length; i++) block[i] = (key[i] ?? 0) ^ byte;
}

/** 4 zero bytes, then the counter, little-endian; made anew in the same place each time. A view takes it modulo 2^32. */
class NoiseNonce {
  readonly #bytes = new Uint8Array(12);
  readonly #view = new DataView(this.#bytes.buffer);

  of(counter: number): Uint8Array {
    this.#view.setUint32(4, counter, true);
    this.#view.setUint32(8, Math.floor(counter / 0x1_0000_0000), true);
    return this.#bytes;
  }
}
