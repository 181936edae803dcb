/** Neither drift nor a small step of NTP is a jump. */
const jumpMs = 5000;

/** The time of day as this machine has it, and as the server has it, which is what both ends of a session go by. */
export class WallClock {
  /** Own time of day less `now`; `undefined` until it was set. */
  #ownMs: number | undefined;
  /** The server's time of day less our own. */
  #aheadMs = 0;

  /** True when the time of day jumped: the machine slept, for `now` stands still meanwhile, or its clock was put right. */
  set(now: number, epochMs: number): boolean {
    const jumped = this.#ownMs !== undefined && Math.abs(epochMs - now - this.#ownMs) > jumpMs;
    this.#ownMs = epochMs - now;
    return jumped;
  }

  /** Learns from the time in a server's answer, which is about half a round trip old. */
  learn(now: number, serverMs: number, rttMs: number): void {
    this.#aheadMs = serverMs + rttMs / 2 - this.#epochMs(now);
  }

  /** ms since 1970 by the server's clock, by our own until it is known. */
  serverMs(now: number): number {
    return Math.max(0, Math.round(this.#epochMs(now) + this.#aheadMs));
  }

  #epochMs(now: number): number {
    return (this.#ownMs ?? 0) + now;
  }
}
