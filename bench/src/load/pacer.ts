/** So many of it late, and they are left out: this process did not have its core. */
const maxLate = 64;

/** Tells when the next of something is to be sent. */
export class Pacer {
  readonly #everyMs: number;
  #dueMs: number;

  constructor(everyMs: number, now: number) {
    this.#everyMs = everyMs;
    this.#dueMs = now;
  }

  /** Whether one is due; it is held for sent then. */
  isDue(now: number): boolean {
    if (now < this.#dueMs) return false;
    if (now > this.#dueMs + maxLate * this.#everyMs) this.#dueMs = now;
    this.#dueMs += this.#everyMs;
    return true;
  }
}
