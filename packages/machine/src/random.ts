/** Randomness as an argument: the operating system's generator in production, a seeded one in the simulator. */
export interface Random {
  /** Fills `bytes` with random bytes, fit for keys. */
  fill(bytes: Uint8Array): void;
}

export function randomBytes(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  random.fill(bytes);
  return bytes;
}

/** A whole number from 0 to 2^32 - 1. */
export function randomU32(random: Random): number {
  return new DataView(randomBytes(random, 4).buffer).getUint32(0);
}

const drawn = new Uint8Array(6);
const drawnView = new DataView(drawn.buffer);

/** A whole number from 0 to `limit` - 1, for limits far below 2^48 (the bias is below limit / 2^48). */
export function randomBelow(random: Random, limit: number): number {
  random.fill(drawn);
  const view = drawnView;
  return (view.getUint16(0) * 0x1_0000_0000 + view.getUint32(2)) % limit;
}
