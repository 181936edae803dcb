/** Who somebody is does not depend on a world's seed, so that what is computed of it once holds in all worlds. */
import { createHash } from "node:crypto";
import type { PeerPrimitives, ServerPrimitives } from "@fractal-punch/machine";
import type { KeyPair } from "@fractal-punch/peer/core";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { withKnownSecrets } from "./known-secrets.ts";
import { Prng } from "./prng.ts";

/** What all machines of all worlds compute with. */
export const primitives: PeerPrimitives & ServerPrimitives = {
  ...withKnownSecrets((await loadPrimitives()).primitives),
  md5: (data) => new Uint8Array(createHash("md5").update(data).digest()),
  sha256: (data) => new Uint8Array(createHash("sha256").update(data).digest()),
};

/** The same bytes for a name each time. */
export function bytesOf(name: string, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  new Prng(0, name).fill(bytes);
  return bytes;
}

export function keyPairOf(name: string): KeyPair {
  const secretKey = bytesOf(name, 32);
  return { secretKey, publicKey: primitives.publicKey(secretKey) };
}
