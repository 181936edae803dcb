/** The flows of a tunnel: how many there may be at once, and how long a silent one is kept. */

export const maxFlows = 256;
/** A flow that carried nothing for so long has ended: longer than a home router keeps a UDP binding. */
export const flowIdleMs = 120_000;

interface Entry<Flow> {
  readonly flow: Flow;
  usedAtMs: number;
}

/**
 * At most `maxFlows` flows; the one that was silent longest gives way to a new one, and is looked for then: each datagram
 * uses a flow, so that nothing is kept in order.
 */
export class FlowTable<Flow> {
  readonly #flows = new Map<number, Entry<Flow>>();
  readonly #onEnd: (flow: Flow) => void;

  /** `onEnd` is called for each flow that ends, whatever the reason. */
  constructor(onEnd: (flow: Flow) => void) {
    this.#onEnd = onEnd;
  }

  get size(): number {
    return this.#flows.size;
  }

  has(number: number): boolean {
    return this.#flows.has(number);
  }

  /** The flow of that number, which counts as used at `nowMs`. */
  use(number: number, nowMs: number): Flow | undefined {
    const entry = this.#flows.get(number);
    if (entry === undefined) return undefined;
    entry.usedAtMs = nowMs;
    return entry.flow;
  }

  add(number: number, flow: Flow, nowMs: number): void {
    this.end(number);
    if (this.#flows.size >= maxFlows) this.endOldest();
    this.#flows.set(number, { flow, usedAtMs: nowMs });
  }

  endOldest(): void {
    let oldest: number | undefined;
    let oldestMs = Infinity;
    for (const [number, { usedAtMs }] of this.#flows) {
      if (usedAtMs >= oldestMs) continue;
      oldest = number;
      oldestMs = usedAtMs;
    }
    if (oldest !== undefined) this.end(oldest);
  }

  endIdle(nowMs: number): void {
    for (const [number, { usedAtMs }] of this.#flows) if (nowMs - usedAtMs >= flowIdleMs) this.end(number);
  }

  end(number: number): void {
    const entry = this.#flows.get(number);
    if (entry === undefined) return;
    this.#flows.delete(number);
    this.#onEnd(entry.flow);
  }

  endAll(): void {
    for (const number of this.#flows.keys()) this.end(number);
  }
}
