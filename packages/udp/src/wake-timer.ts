import { monotonicNow } from "./primitives.ts";

/** The longest delay that `setTimeout` takes; a later wake is reached in steps. */
const maxDelayMs = 2_147_483_647;

/** One timer that is moved forward only: when it fires early for what is now wanted, its owner arms it again. */
export class WakeTimer {
  readonly #onFire: () => void;
  #armedAt = Infinity;
  #timeout: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;

  constructor(onFire: () => void) {
    this.#onFire = onFire;
  }

  /** Fires at `at` (monotonic ms) or up to 1 ms early: libuv counts from the start of its turn, in whole ms. */
  arm(at: number): void {
    if (at >= this.#armedAt) return;
    this.clear();
    this.#armedAt = at;
    const delayMs = at - monotonicNow();
    // After the sockets were looked at, so that a machine that always wants to be woken does not starve them.
    if (delayMs <= 0) this.#immediate = setImmediate(this.#fire);
    else this.#timeout = setTimeout(this.#fire, Math.min(Math.ceil(delayMs), maxDelayMs));
  }

  clear(): void {
    clearTimeout(this.#timeout);
    clearImmediate(this.#immediate);
    this.#armedAt = Infinity;
  }

  readonly #fire = (): void => {
    this.#armedAt = Infinity;
    this.#onFire();
  };
}
