/**
 * What is going to happen, in order of time; things due at the same time happen in the order in which they were put
 * in. So the order is total, and a world with the same inputs runs the same way.
 */

/** A binary heap of (time, sequence). */
export class EventQueue<Item> {
  readonly #times: number[] = [];
  readonly #sequences: number[] = [];
  readonly #items: Item[] = [];
  #sequence = 0;

  get length(): number {
    return this.#times.length;
  }

  /** The time of the earliest item; `Infinity` when there is none. */
  nextAt(): number {
    return this.#times[0] ?? Infinity;
  }

  push(at: number, item: Item): void {
    const sequence = this.#sequence++;
    let hole = this.#times.length;
    this.#times.push(at);
    this.#sequences.push(sequence);
    this.#items.push(item);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      // An older entry has the smaller sequence, so equal times stay where they are.
      if ((this.#times[parent] ?? 0) <= at) break;
      this.#copy(parent, hole);
      hole = parent;
    }
    this.#put(hole, at, sequence, item);
  }

  /** Takes the earliest item; `undefined` when there is none. */
  pop(): Item | undefined {
    const top = this.#items[0];
    const at = this.#times.pop();
    const sequence = this.#sequences.pop();
    const item = this.#items.pop();
    if (at === undefined || sequence === undefined || item === undefined) return undefined;
    if (this.#times.length > 0) this.#sink(at, sequence, item);
    return top;
  }

  /** Puts an entry in at the top and moves it down to its place. */
  #sink(at: number, sequence: number, item: Item): void {
    const length = this.#times.length;
    let hole = 0;
    for (;;) {
      const left = 2 * hole + 1;
      if (left >= length) break;
      const right = left + 1;
      const child = right < length && this.#isBefore(right, left) ? right : left;
      const time = this.#times[child] ?? Infinity;
      if (time > at || (time === at && (this.#sequences[child] ?? 0) > sequence)) break;
      this.#copy(child, hole);
      hole = child;
    }
    this.#put(hole, at, sequence, item);
  }

  #isBefore(a: number, b: number): boolean {
    const difference = (this.#times[a] ?? 0) - (this.#times[b] ?? 0);
    return difference === 0 ? (this.#sequences[a] ?? 0) < (this.#sequences[b] ?? 0) : difference < 0;
  }

  #copy(from: number, to: number): void {
    const item = this.#items[from];
    if (item !== undefined) this.#put(to, this.#times[from] ?? 0, this.#sequences[from] ?? 0, item);
  }

  #put(index: number, at: number, sequence: number, item: Item): void {
    this.#times[index] = at;
    this.#sequences[index] = sequence;
    this.#items[index] = item;
  }
}
