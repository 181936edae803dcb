/** How long datagrams took. */
import type { Latency } from "./spec.ts";

/** Ticks of 100 ns, which 32 bits hold for seven minutes: longer than any datagram takes. */
const ticksPerMs = 10_000;
const ticksPerMicro = 10;

export function ticksOf(ms: number): number {
  return (ms * ticksPerMs) >>> 0;
}

export class Latencies {
  readonly #ticks: Uint32Array;
  #count = 0;

  /** What comes after `capacity` is left out. */
  constructor(capacity: number) {
    this.#ticks = new Uint32Array(capacity);
  }

  clear(): void {
    this.#count = 0;
  }

  add(ticks: number): void {
    if (this.#count < this.#ticks.length) this.#ticks[this.#count++] = ticks;
  }

  /** In microseconds. */
  summary(): Latency {
    const sorted = this.#ticks.slice(0, this.#count).toSorted();
    const at = (share: number): number => percentile(sorted, share) / ticksPerMicro;
    return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) };
  }
}

/** The smallest value that is no less than that share of them; NaN of none. */
function percentile(sorted: ArrayLike<number>, share: number): number {
  const index = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.max(index, 0)] ?? Number.NaN;
}
