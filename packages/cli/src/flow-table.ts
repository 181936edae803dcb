/** The flows of a tunnel: how many there may be at once, and how long a silent one is kept. */

export const maxFlows = 256;
/** A flow that carried nothing for so long has ended: longer than a home router keeps a UDP binding. */
export const flowIdleMs = 120_000;

/** At most `maxFlows` flows; the one that was silent longest gives way to a new one. */
export class FlowTable<Key, Flow> {
  readonly #flows = new Map<Key, { readonly flow: Flow; usedAtMs: number }>();
  readonly #onEnd: (flow: Flow) => void;

  /** `onEnd` is called for each flow that ends, whatever the reason. */
  constructor(onEnd: (flow: Flow) => void) {
    this.#onEnd = onEnd;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** The flow, which counts as used at `nowMs`. */
  use(key: Key, nowMs: number): Flow | undefined {
    const entry = this.#flows.get(key);
    if (entry === undefined) return undefined;
    entry.usedAtMs = nowMs;
    // Moved to the end: the map stays in the order of last use.
    this.#flows.delete(key);
    this.#flows.set(key, entry);
    return entry.flow;
  }

  add(key: Key, flow: Flow, nowMs: number): void {
    this.end(key);
    if (this.#flows.size >= maxFlows) this.endOldest();
    this.#flows.set(key, { flow, usedAtMs: nowMs });
  }

  endOldest(): void {
    for (const key of this.#flows.keys()) {
      this.end(key);
      return;
    }
  }

  endIdle(nowMs: number): void {
    for (const [key, { usedAtMs }] of this.#flows) {
      if (nowMs - usedAtMs < flowIdleMs) return;
      this.end(key);
    }
  }

  end(key: Key): void {
    const entry = this.#flows.get(key);
    if (entry === undefined) return;
    this.#flows.delete(key);
    this.#onEnd(entry.flow);
  }

  endAll(): void {
    for (const key of this.#flows.keys()) this.end(key);
  }
}
