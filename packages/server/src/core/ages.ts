/**
 * Entries that all live equally long, in the order of their last use. Each step costs the same however many there are, and
 * what is taken out is gone at once: a heap of deadlines would keep what ends early until its time has come.
 */
export class Age<Entry> {
  readonly entry: Entry;
  usedAt: number;
  older: Age<Entry> | undefined;
  newer: Age<Entry> | undefined;

  constructor(entry: Entry, usedAt: number) {
    this.entry = entry;
    this.usedAt = usedAt;
  }
}

export class Ages<Entry> {
  readonly #lifeMs: number;
  #oldest: Age<Entry> | undefined;
  #newest: Age<Entry> | undefined;
  #size = 0;

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs;
  }

  get size(): number {
    return this.#size;
  }

  get oldest(): Age<Entry> | undefined {
    return this.#oldest;
  }

  /** When the oldest entry ends; `Infinity` when there is none. */
  get endsAt(): number {
    return this.#oldest === undefined ? Infinity : this.#oldest.usedAt + this.#lifeMs;
  }

  add(now: number, entry: Entry): Age<Entry> {
    const age = new Age(entry, now);
    this.#append(age);
    return age;
  }

  /** Its life begins anew. */
  renew(now: number, age: Age<Entry>): void {
    this.remove(age);
    age.usedAt = now;
    this.#append(age);
  }

  /** Call once for each that was added. */
  remove(age: Age<Entry>): void {
    if (age.older === undefined) this.#oldest = age.newer;
    else age.older.newer = age.newer;
    if (age.newer === undefined) this.#newest = age.older;
    else age.newer.older = age.older;
    age.older = undefined;
    age.newer = undefined;
    this.#size--;
  }

  #append(age: Age<Entry>): void {
    age.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = age;
    else this.#newest.newer = age;
    this.#newest = age;
    this.#size++;
  }
}
