import { epochNow } from "./primitives.ts";

const repeatMs = 10_000;

/** Above what NTP slews within `repeatMs`, below what any deadline in seconds would notice. */
const maxDriftMs = 1_000;

/** Knows when a machine must hear the time of day: at first, every 10 s, and when it jumped (sleep, NTP, people). */
export class WallClock {
  #toldAt = -Infinity;
  #offsetMs = 0;

  /** ms since 1970 when the machine must be told; `undefined` when what it was told last still holds. */
  news(now: number): number | undefined {
    const epochMs = epochNow();
    if (now - this.#toldAt < repeatMs && Math.abs(epochMs - now - this.#offsetMs) <= maxDriftMs) return undefined;
    this.#toldAt = now;
    this.#offsetMs = epochMs - now;
    return epochMs;
  }
}
