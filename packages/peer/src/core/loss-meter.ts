/** The share of probes that came back, over the last 128 of the last 40 s. */
const remembered = 128;
const enough = 16;
/** A path that gets better is known by these. */
const recent = 32;
/** What an idle path lost long ago says nothing of it now. */
const rememberedMs = 40_000;

interface Outcome {
  readonly atMs: number;
  readonly lost: boolean;
}

export class LossMeter {
  #outcomes: Outcome[] = [];
  /** How many of them were lost. */
  #lost = 0;

  record(now: number, lost: boolean): void {
    this.#outcomes.push({ atMs: now, lost });
    if (lost) this.#lost++;
    while (this.#outcomes.length > remembered || this.#oldestIsStale(now)) {
      if (this.#outcomes.shift()?.lost) this.#lost--;
    }
  }

  /** The square of the ratio's standard error: how much of it may be chance. */
  get variance(): number {
    const { ratio } = this;
    return (ratio * (1 - ratio)) / Math.max(this.#outcomes.length, 1);
  }

  /** 0 to 1; 0 as long as there were too few probes to tell. */
  get ratio(): number {
    return this.#outcomes.length < enough ? 0 : this.#lost / this.#outcomes.length;
  }

  /** The same of the last 32 probes. */
  get recentRatio(): number {
    const outcomes = this.#outcomes.slice(-recent);
    return outcomes.length < enough ? 0 : outcomes.filter(({ lost }) => lost).length / outcomes.length;
  }

  forget(): void {
    this.#outcomes = [];
    this.#lost = 0;
  }

  #oldestIsStale(now: number): boolean {
    const [oldest] = this.#outcomes;
    return oldest !== undefined && now - oldest.atMs > rememberedMs;
  }
}
