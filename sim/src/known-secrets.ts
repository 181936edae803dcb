/**
 * X25519 with a memory: both ends of each exchange live in one process, and the second of them is given what the first
 * has computed.
 */
import type { PeerPrimitives } from "@fractal-punch/machine";
import { asciiText } from "@fractal-punch/wire";

/** Enough for the key pairs of a large world. */
const maxKnown = 4096;

/** The same primitives; what they give is the same, too. */
export function withKnownSecrets(primitives: PeerPrimitives): PeerPrimitives {
  const publicKeys = new Map<string, Uint8Array>();
  const secrets = new Map<string, Uint8Array | undefined>();
  return {
    ...primitives,

    publicKey(secretKey) {
      const secret = asciiText(secretKey);
      const known = publicKeys.get(secret);
      if (known !== undefined) return known.slice();
      const publicKey = primitives.publicKey(secretKey);
      if (publicKeys.size >= maxKnown) publicKeys.clear();
      publicKeys.set(secret, publicKey.slice());
      return publicKey;
    },

    dh(secretKey, publicKey) {
      const ownKey = publicKeys.get(asciiText(secretKey));
      if (ownKey === undefined) return primitives.dh(secretKey, publicKey);
      const [own, other] = [asciiText(ownKey), asciiText(publicKey)];
      const pair = own < other ? own + other : other + own;
      const known = secrets.get(pair);
      if (known !== undefined) return known.slice();
      const secret = primitives.dh(secretKey, publicKey);
      if (secrets.size >= maxKnown) secrets.clear();
      secrets.set(pair, secret?.slice());
      return secret;
    },
  };
}
