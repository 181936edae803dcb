declare module "sodium-native" {
  const sodium: { readonly crypto_aead_chacha20poly1305_ietf_KEYBYTES: number };
  export default sodium;
}
