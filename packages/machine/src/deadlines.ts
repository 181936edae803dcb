/**
 * All the deadlines of one machine: a binary heap that is re-armed lazily. Moving a deadline to a later time, which is
 * what a refresh does, writes one number; the heap learns of it when the old time comes. The heap holds a deadline at
 * most once, so it is never larger than the number of deadlines, however often they move.
 */

/** One thing that is to happen at `dueAt`; made by `Deadlines.create`. */
export class Deadline<Owner> {
  /** ms; `Infinity` when not armed. */
  dueAt: number = Infinity;
  /** The time under which the heap holds it, at or before `dueAt`. */
  queuedAt: number = Infinity;
  /** Where the heap holds it; -1 when it does not. */
  position = -1;
  readonly owner: Owner;
  /** A word that says what it is for, so that wake-ups can be explained. */
  readonly reason: string;

  constructor(owner: Owner, reason: string) {
    this.owner = owner;
    this.reason = reason;
  }
}

export class Deadlines<Owner> {
  readonly #heap: Deadline<Owner>[] = [];

  create(owner: Owner, reason: string): Deadline<Owner> {
    return new Deadline(owner, reason);
  }

  /** Arms, or moves, a deadline. */
  set(deadline: Deadline<Owner>, dueAt: number): void {
    deadline.dueAt = dueAt;
    const queued = deadline.position >= 0;
    if (queued ? dueAt >= deadline.queuedAt : dueAt === Infinity) return;
    if (!queued) deadline.position = this.#heap.length;
    deadline.queuedAt = dueAt;
    this.#rise(deadline);
  }

  clear(deadline: Deadline<Owner>): void {
    deadline.dueAt = Infinity;
  }

  /** Disarms one that will not be armed again: unlike what is cleared, the heap does not hold it until its time comes. */
  drop(deadline: Deadline<Owner>): void {
    deadline.dueAt = Infinity;
    if (deadline.position < 0) return;
    const last = this.#heap.pop();
    if (last !== undefined && last !== deadline) {
      last.position = deadline.position;
      this.#rise(last);
      this.#sink(last);
    }
    deadline.position = -1;
  }

  /** The time of the earliest armed deadline; `Infinity` when there is none. */
  next(): number {
    return this.#earliest()?.dueAt ?? Infinity;
  }

  /** Takes one deadline that is due, and disarms it; `undefined` when none is. */
  pop(now: number): Deadline<Owner> | undefined {
    const deadline = this.#earliest();
    if (deadline === undefined || deadline.dueAt > now) return undefined;
    this.#removeTop(deadline);
    deadline.dueAt = Infinity;
    return deadline;
  }

  /**
   * Takes the deadlines that are due, one after the other. What arms itself for now again and again has its next turn at
   * the next call: it must not keep a machine from its datagrams.
   */
  takeDue(now: number, take: (deadline: Deadline<Owner>) => void): void {
    for (let turns = this.#heap.length; turns > 0; turns--) {
      const deadline = this.pop(now);
      if (deadline === undefined) return;
      take(deadline);
    }
  }

  /** Removes cleared deadlines from the top and sinks moved ones, until the top is true. */
  #earliest(): Deadline<Owner> | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined || top.dueAt === top.queuedAt) return top;
      if (top.dueAt === Infinity) {
        this.#removeTop(top);
      } else {
        top.queuedAt = top.dueAt;
        this.#sink(top);
      }
    }
  }

  #removeTop(top: Deadline<Owner>): void {
    const last = this.#heap.pop();
    top.position = -1;
    if (last === undefined || last === top) return;
    last.position = 0;
    this.#sink(last);
  }

  /** Moves a deadline from its position towards the top, past those that are later. */
  #rise(deadline: Deadline<Owner>): void {
    let { position } = deadline;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const above = this.#heap[parent];
      if (above === undefined || above.queuedAt <= deadline.queuedAt) break;
      this.#put(above, position);
      position = parent;
    }
    this.#put(deadline, position);
  }

  /** Moves a deadline from its position away from the top, past those that are earlier. */
  #sink(deadline: Deadline<Owner>): void {
    let { position } = deadline;
    for (;;) {
      const left = this.#heap[2 * position + 1];
      const right = this.#heap[2 * position + 2];
      const below = left && right && right.queuedAt < left.queuedAt ? right : left;
      if (below === undefined || below.queuedAt >= deadline.queuedAt) break;
      const freed = below.position;
      this.#put(below, position);
      position = freed;
    }
    this.#put(deadline, position);
  }

  #put(deadline: Deadline<Owner>, position: number): void {
    this.#heap[position] = deadline;
    deadline.position = position;
  }
}
