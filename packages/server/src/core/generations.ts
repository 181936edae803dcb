/**
 * A map whose entries go away when they are not used: two maps, of which the older is dropped every `lifeMs`. An entry
 * lives for one to two of these after its last use, and no entry costs a timer.
 */
export class Generations<Key, Value> {
  readonly #lifeMs: number;
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();
  #turnAt = -Infinity;

  constructor(lifeMs: number) {
    this.#lifeMs = lifeMs;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(now: number, key: Key): Value | undefined {
    if (now >= this.#turnAt) this.#turn(now);
    return this.#young.get(key) ?? this.#old.get(key);
  }

  /** Writing counts as use, reading does not. */
  set(now: number, key: Key, value: Value): void {
    if (now >= this.#turnAt) this.#turn(now);
    this.#old.delete(key);
    this.#young.set(key, value);
  }

  /** Makes room at once: what was used least recently goes, at most all. */
  shed(): void {
    if (this.#old.size > 0) this.#old = new Map();
    else this.#young = new Map();
  }

  #turn(now: number): void {
    this.#old = now < this.#turnAt + this.#lifeMs ? this.#young : new Map();
    this.#young = new Map();
    this.#turnAt = now + this.#lifeMs;
  }
}
