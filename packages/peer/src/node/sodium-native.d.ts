/** The functions of sodium-native 5 that this package uses; it has no types of its own. Arrays are written to where `out` says so. */
declare module "sodium-native" {
  export interface Sodium {
    /** BLAKE2b; as many bytes as `out` has, 16 to 64. */
    crypto_generichash(out: Uint8Array, data: Uint8Array): void;
    crypto_hash_sha256(out: Uint8Array, data: Uint8Array): void;
    crypto_scalarmult_base(out: Uint8Array, secretKey: Uint8Array): void;
    /** Throws when the result is all zero. */
    crypto_scalarmult(out: Uint8Array, secretKey: Uint8Array, publicKey: Uint8Array): void;
    /** `out` has 16 bytes more than `plain`, and may start where it does. */
    crypto_aead_chacha20poly1305_ietf_encrypt(
      out: Uint8Array,
      plain: Uint8Array,
      ad: Uint8Array,
      unused: null,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number;
    /** Throws when forged, and has then filled `out` with zeros. */
    crypto_aead_chacha20poly1305_ietf_decrypt(
      out: Uint8Array,
      unused: null,
      sealed: Uint8Array,
      ad: Uint8Array,
      nonce: Uint8Array,
      key: Uint8Array,
    ): number;
  }
  const sodium: Sodium;
  export default sodium;
}
