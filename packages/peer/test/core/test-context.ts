/** What the parts of a peer's core are given in tests: real cryptography, and randomness that is the same each time. */
import assert from "node:assert/strict";
import { type Address, addressFromText, type PeerPrimitives, type Random } from "@fractal-punch/machine";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { unknownProfile } from "@fractal-punch/wire";
import { newContext, type PeerAbilities, type PeerContext } from "../../dist/core/context.js";
import type { KeyPair } from "../../dist/core/noise.js";
import { ServerLink } from "../../dist/core/server-link.js";
import type { SessionOwner } from "../../dist/core/session.js";

const loaded = await loadPrimitives();

export const primitives: PeerPrimitives = loaded.primitives;

/** What the driver of a machine under test can. */
export const can: PeerAbilities = { dontFragment: true };

export function testContext(seed = 1): PeerContext {
  return newContext(primitives, seededRandom(seed), can);
}

/** A machine without sockets, for its sessions. */
export function ownerWithoutSockets(ownKeys: KeyPair): SessionOwner {
  return {
    ownKeys,
    ownCandidates: () => [],
    ownProfile: () => unknownProfile,
    endsOf: ({ remote }) => ({ transport: "udp", local: undefined, remote }),
    probeNamed: () => undefined,
    relayLost: () => undefined,
    openFreshSocket: () => undefined,
    reporter: () => undefined,
    dropped: () => undefined,
    ended: () => undefined,
  };
}

/** A socket's relation to a server, which nobody watches. */
export function unwatchedLink(context: PeerContext, port: number): ServerLink {
  const owner = {
    addressKnown: () => undefined,
    addressChanged: () => undefined,
    serverRestarted: () => undefined,
    serverSilent: () => undefined,
  };
  return new ServerLink(context, owner, port, at("192.0.2.1:48800"));
}

/** Address from text; the tests' own texts are right. */
export function at(text: string): Address {
  const address = addressFromText(text);
  assert(address, text);
  return address;
}

/** Random enough for a test: a hash of the seed and a counter. */
export function seededRandom(seed: number): Random {
  let count = 0;
  return {
    fill(bytes) {
      for (let start = 0; start < bytes.length; start += 64) {
        const block = primitives.hash(new Uint8Array(Float64Array.of(seed, count++).buffer));
        bytes.set(block.subarray(0, bytes.length - start), start);
      }
    },
  };
}
