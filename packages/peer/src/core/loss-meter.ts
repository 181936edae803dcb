/** The share of probes that came back, over the last 128 of the last 40 s. */
const remembered = 128;
const enough = 16;
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
    const { length } = this.#outcomes;
    return length < enough ? 0 : this.#outcomes.filter(({ lost }) => lost).length / length;
  }
}
