/** The time of day as this machine has it, and as the server has it, which is what both ends of a session go by. */
export class WallClock {
  /** Own time of day less `now`. */
  #ownMs = 0;
  /** The server's time of day less our own. */
  #aheadMs = 0;

  set(now: number, epochMs: number): void {
    this.#ownMs = epochMs - now;
  }

  /** Learns from the time in a server's answer, which is about half a round trip old. */
  learn(now: number, serverMs: number, rttMs: number): void {
    this.#aheadMs = serverMs + rttMs / 2 - (this.#ownMs + now);
  }

  /** ms since 1970 by the server's clock, by our own until it is known. */
  serverMs(now: number): number {
    return Math.max(0, Math.round(this.#ownMs + now + this.#aheadMs));
  }
}
