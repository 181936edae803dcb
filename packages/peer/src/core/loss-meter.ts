/** The share of probes that came back, over the last 32. */
const remembered = 32;
const enough = 16;

export class LossMeter {
  readonly #lost: boolean[] = [];
  #next = 0;

  record(lost: boolean): void {
    this.#lost[this.#next] = lost;
    this.#next = (this.#next + 1) % remembered;
  }

  /** 0 to 1; 0 as long as there were too few probes to tell. */
  get ratio(): number {
    if (this.#lost.length < enough) return 0;
    return this.#lost.filter(Boolean).length / this.#lost.length;
  }
}
