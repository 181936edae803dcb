/** How much went each way lately, from counters that only grow. */
import { rateText } from "./quantity.ts";

export interface Totals {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export class Rates {
  #before: Totals = { sentBytes: 0, receivedBytes: 0 };
  #atMs: number;
  #text = "";

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** "1.2 Mbit/s out, 0.1 Mbit/s in" since the last call, which should be about a second ago. */
  text(now: Totals, nowMs: number): string {
    const seconds = (nowMs - this.#atMs) / 1000;
    // Asked again at once, for another line below which the status is drawn: too short a time to tell a rate from.
    if (seconds < 0.5 && this.#text !== "") return this.#text;
    const out = Math.max(now.sentBytes - this.#before.sentBytes, 0) / Math.max(seconds, 0.5);
    const into = Math.max(now.receivedBytes - this.#before.receivedBytes, 0) / Math.max(seconds, 0.5);
    this.#before = { sentBytes: now.sentBytes, receivedBytes: now.receivedBytes };
    this.#atMs = nowMs;
    this.#text = `${rateText(out)} out, ${rateText(into)} in`;
    return this.#text;
  }
}
