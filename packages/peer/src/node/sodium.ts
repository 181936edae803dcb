import sodium from "sodium-native";

export const keyLengthBytes: number = sodium.crypto_aead_chacha20poly1305_ietf_KEYBYTES;
