import { randomBytes } from "node:crypto";

/** A plain array, whose `slice` copies. */
export function randomOf(lengthBytes: number): Uint8Array {
  return Uint8Array.from(randomBytes(lengthBytes));
}
