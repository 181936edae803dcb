/** As much of a `Map` as it takes. */
export interface Table<Key, Value> {
  readonly size: number;
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): unknown;
  delete(key: Key): unknown;
}

/**
 * A map whose entries go away when they are not used: two maps, of which the older is dropped every `lifeMs`. An entry
 * lives for one to two of these after its last use, and no entry costs a timer.
 */
export class Generations<Key, Value> {
  readonly #lifeMs: number;
  readonly #make: () => Table<Key, Value>;
  #young: Table<Key, Value>;
  #old: Table<Key, Value>;
  #turnAt = -Infinity;

  /** `make`: what serves as the maps, which `Map` does unless said otherwise. */
  constructor(lifeMs: number, make: () => Table<Key, Value> = () => new Map()) {
    this.#lifeMs = lifeMs;
    this.#make = make;
    this.#young = make();
    this.#old = make();
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
    if (this.#old.size > 0) this.#old = this.#make();
    else this.#young = this.#make();
  }

  #turn(now: number): void {
    this.#old = now < this.#turnAt + this.#lifeMs ? this.#young : this.#make();
    this.#young = this.#make();
    this.#turnAt = now + this.#lifeMs;
  }
}
