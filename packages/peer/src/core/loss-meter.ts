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

  record(now: number, lost: boolean): void {
    this.#outcomes = this.#outcomes.slice(1 - remembered).filter(({ atMs }) => now - atMs <= rememberedMs);
    this.#outcomes.push({ atMs: now, lost });
  }

  /** The square of the ratio's standard error: how much of it may be chance. */
  get variance(): number {
    const { ratio } = this;
    return (ratio * (1 - ratio)) / Math.max(this.#outcomes.length, 1);
  }

  /** 0 to 1; 0 as long as there were too few probes to tell. */
  get ratio(): number {
    return ratioOf(this.#outcomes);
  }

  /** The same of the last 32 probes. */
  get recentRatio(): number {
    return ratioOf(this.#outcomes.slice(-recent));
  }

  forget(): void {
    this.#outcomes = [];
  }
}

function ratioOf(outcomes: readonly Outcome[]): number {
  return outcomes.length < enough ? 0 : outcomes.filter(({ lost }) => lost).length / outcomes.length;
}
