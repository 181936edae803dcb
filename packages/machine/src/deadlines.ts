/**
 * All the deadlines of one machine: a binary heap that is re-armed lazily. Moving a deadline to a later time, which is
 * what a refresh does, writes one number; the heap learns of it when the old time comes.
 */

/** One thing that is to happen at `dueAt`; made by `Deadlines.create`. */
export class Deadline<Owner> {
  /** ms; `Infinity` when not armed. */
  dueAt: number = Infinity;
  /** The earliest time at which the heap holds this deadline; entries for any other time are stale. */
  queuedAt: number = Infinity;
  readonly owner: Owner;
  /** A word that says what it is for, so that wake-ups can be explained. */
  readonly reason: string;

  constructor(owner: Owner, reason: string) {
    this.owner = owner;
    this.reason = reason;
  }
}

export class Deadlines<Owner> {
  readonly #times: number[] = [];
  readonly #deadlines: Deadline<Owner>[] = [];

  create(owner: Owner, reason: string): Deadline<Owner> {
    return new Deadline(owner, reason);
  }

  /** Arms, or moves, a deadline. */
  set(deadline: Deadline<Owner>, dueAt: number): void {
    deadline.dueAt = dueAt;
    if (dueAt < deadline.queuedAt) this.#queue(deadline);
  }

  clear(deadline: Deadline<Owner>): void {
    deadline.dueAt = Infinity;
  }

  /** The time of the earliest armed deadline; `Infinity` when there is none. */
  next(): number {
    this.#settle();
    return this.#times[0] ?? Infinity;
  }

  /** Takes one deadline that is due, and disarms it; `undefined` when none is. */
  pop(now: number): Deadline<Owner> | undefined {
    this.#settle();
    if ((this.#times[0] ?? Infinity) > now) return undefined;
    const deadline = this.#remove();
    deadline.queuedAt = Infinity;
    deadline.dueAt = Infinity;
    return deadline;
  }

  /** Removes stale entries from the top and re-queues moved ones, until the top is true. */
  #settle(): void {
    for (;;) {
      const at = this.#times[0];
      const deadline = this.#deadlines[0];
      if (at === undefined || deadline === undefined) return;
      const stale = at !== deadline.queuedAt;
      if (!stale && deadline.dueAt === at) return;
      this.#remove();
      if (stale) continue;
      deadline.queuedAt = Infinity;
      if (deadline.dueAt !== Infinity) this.#queue(deadline);
    }
  }

  #queue(deadline: Deadline<Owner>): void {
    const at = deadline.dueAt;
    deadline.queuedAt = at;
    let child = this.#times.length;
    this.#times.push(at);
    this.#deadlines.push(deadline);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if ((this.#times[parent] ?? Infinity) <= at) break;
      this.#swap(parent, child);
      child = parent;
    }
  }

  #remove(): Deadline<Owner> {
    const top = this.#deadlines[0];
    const lastTime = this.#times.pop();
    const last = this.#deadlines.pop();
    if (top === undefined || lastTime === undefined || last === undefined)
      throw new Error("broken invariant: empty heap");
    const length = this.#times.length;
    if (length === 0) return top;
    this.#times[0] = lastTime;
    this.#deadlines[0] = last;
    let parent = 0;
    for (;;) {
      const left = 2 * parent + 1;
      if (left >= length) return top;
      const right = left + 1;
      const child = right < length && (this.#times[right] ?? 0) < (this.#times[left] ?? 0) ? right : left;
      if ((this.#times[child] ?? Infinity) >= lastTime) return top;
      this.#swap(parent, child);
      parent = child;
    }
  }

  #swap(a: number, b: number): void {
    const timeA = this.#times[a];
    const timeB = this.#times[b];
    const deadlineA = this.#deadlines[a];
    const deadlineB = this.#deadlines[b];
    if (timeA === undefined || timeB === undefined || deadlineA === undefined || deadlineB === undefined) return;
    this.#times[a] = timeB;
    this.#times[b] = timeA;
    this.#deadlines[a] = deadlineB;
    this.#deadlines[b] = deadlineA;
  }
}
