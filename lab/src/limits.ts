/** How soon a first reply can come at best, from the delays that were set, and how near to that is near enough. */
import type { Delays, Pair } from "./pairs.ts";

/** ms from the call of `connect` to the first echo: as ordinary data, and as early data. */
export interface Limits {
  readonly reply: number;
  readonly earlyReply: number;
}

/**
 * With the one-way delays c (client to server), h (host to server) and d (client to host, over the path in use) the
 * host knows of the client at c+h, the client has the keys a way later, and ordinary data then takes a round trip.
 * Between neighbours behind one router d is 0.
 */
export function limitsOf({ neighbours }: Pair, path: string, delays: Delays): Limits {
  const c = delays.client + delays.server;
  if (neighbours === true) return { reply: 2 * c, earlyReply: 2 * c };
  const h = delays.host + delays.server;
  const d = path === "direct" ? delays.client + delays.host : c + h;
  return { reply: c + h + 3 * d, earlyReply: c + h + d };
}

/** The larger of 15 % and 10 ms above the limit: timers, system calls and cryptography take their time. */
export function barOf(limit: number): number {
  return Math.max(limit * 1.15, limit + 10);
}

/** The middle one; the upper of both for an even number. `Infinity` for none. */
export function medianOf(values: readonly number[]): number {
  return quantileOf(values, 0.5);
}

export function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Infinity;
}
