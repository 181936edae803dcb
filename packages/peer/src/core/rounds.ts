/**
 * Rounds: both ends exchange their candidates over the path in use and probe all of the other's, at the same moment as
 * far as they can. The client holds them on a schedule while there is no direct path; either end holds one when its
 * addresses change.
 */
import { Repeats } from "./repeats.ts";
import { activeMs, firstRoundGapMs, idleRoundGapMs, longestRoundGapMs, maxRounds, roundGapMs } from "./timing.ts";
import { TokenBucket } from "./token-bucket.ts";

export class Rounds {
  /** The number of the round that is going on, or was last. */
  round = 0;
  #nextAtMs = Infinity;
  #gapMs = firstRoundGapMs;
  readonly #repeats = new Repeats();
  #probeAtMs = Infinity;
  #probing = false;
  /** The round whose answer was taken. */
  #takenRound = 0;
  /** The other end's round that was joined last; its repeats start nothing. */
  #joinedRound: number | undefined;
  readonly #joinable = new TokenBucket(maxRounds, roundGapMs);

  /** When something is due. */
  get dueAtMs(): number {
    return Math.min(this.#nextAtMs, this.#repeats.dueAtMs, this.#probeAtMs);
  }

  /** Holds a round now, and starts probing `probeAfterMs` from now; `Infinity`: when the other end has answered. */
  begin(now: number, probeAfterMs: number): void {
    this.round = (this.round + 1) % 65_536;
    this.#repeats.start(now);
    this.#probing = false;
    this.#probeAtMs = now + probeAfterMs;
  }

  /** The schedule while there is no direct path; the first gap after a direct path was lost is none. */
  schedule(now: number, atOnce: boolean): void {
    this.#gapMs = firstRoundGapMs;
    this.#nextAtMs = atOnce ? now : now + this.#gapMs;
  }

  unschedule(): void {
    this.#nextAtMs = Infinity;
  }

  /** The next round comes soon again, because the application is back at work. */
  hurry(now: number): void {
    if (this.#nextAtMs !== Infinity) this.#nextAtMs = Math.min(this.#nextAtMs, now + firstRoundGapMs);
  }

  /** Says whether the scheduled time for a round has come, and sets the next. */
  takeScheduled(now: number, idleMs: number): boolean {
    if (now < this.#nextAtMs) return false;
    this.#gapMs = Math.min(2 * this.#gapMs, longestRoundGapMs);
    this.#nextAtMs = now + (idleMs > activeMs ? idleRoundGapMs : this.#gapMs);
    return true;
  }

  /** Says whether the candidates are to be sent (again) now. */
  takeRepeat(now: number, rttMs: number | undefined): boolean {
    return this.#repeats.take(now, rttMs);
  }

  /** Says whether to start probing now. */
  takeProbing(now: number): boolean {
    if (now < this.#probeAtMs) return false;
    this.#probeAtMs = Infinity;
    this.#probing = true;
    return true;
  }

  /** The other end's candidates came for this round; true when probing has not begun yet. */
  answered(round: number): boolean {
    if (round !== this.round) return false;
    this.#repeats.stop();
    this.#probeAtMs = Infinity;
    const begin = !this.#probing;
    this.#probing = true;
    return begin;
  }

  /** Says whether this is the first answer to the round that is going on: a second one could name other addresses. */
  takesAnswer(round: number): boolean {
    if (round !== this.round || round === this.#takenRound) return false;
    this.#takenRound = round;
    return true;
  }

  /**
   * Says whether to take part in a round of the other end: once in each, and in no more than a few, since each has us
   * send to addresses that need not be its own.
   */
  joins(now: number, round: number): boolean {
    if (round === this.#joinedRound || !this.#joinable.take(now)) return false;
    this.#joinedRound = round;
    return true;
  }
}
