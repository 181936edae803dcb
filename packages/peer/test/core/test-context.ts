/** What the parts of a peer's core are given in tests: real cryptography, and randomness that is the same each time. */
import assert from "node:assert/strict";
import { type Address, addressFromText, Deadlines, type PeerPrimitives, type Random } from "@fractal-punch/machine";
import { loadPrimitives } from "@fractal-punch/peer/sodium";
import { StunBuilder } from "@fractal-punch/wire";
import type { PeerContext } from "../../dist/core/context.js";
import { WallClock } from "../../dist/core/wall-clock.js";

const loaded = await loadPrimitives();

export const primitives: PeerPrimitives = loaded.primitives;

export function testContext(seed = 1): PeerContext {
  return {
    primitives,
    random: seededRandom(seed),
    deadlines: new Deadlines(),
    clock: new WallClock(),
    builder: new StunBuilder(),
  };
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
