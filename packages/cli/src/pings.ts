/** The pings of one command: sends them, matches what comes back, keeps the figures. */
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Connection, type PathInfo, PunchError } from "@fractal-punch/peer";
import type { Output } from "./output.ts";
import { pathText, sinceMs } from "./path-report.ts";
import { decodePing, encodePing, pingTokenBytes } from "./ping-datagram.ts";
import { msText } from "./quantity.ts";
import { sendOrLose } from "./tunnel-end.ts";

/** A reply that takes longer counts as lost. */
const replyWaitMs = 2000;

type PathKind = PathInfo["kind"];

export interface PingPlan {
  readonly intervalMs: number;
  /** How many are sent; `Infinity` when something else ends it. */
  readonly count: number;
  /** Ends as soon as the path is direct and a ping came back over it; otherwise after this time. */
  readonly untilDirectMs?: number;
}

export class Pings {
  replies = 0;
  sawDirect = false;
  readonly #output: Output;
  readonly #plan: PingPlan;
  readonly #token = randomBytes(pingTokenBytes);
  readonly #sentAtMs = new Map<number, number>();
  readonly #ended = new AbortController();
  #sent = 0;
  #lastRttMs: number | undefined;
  #rtts = { least: Infinity, sum: 0, most: 0 };

  constructor(output: Output, plan: PingPlan) {
    this.#output = output;
    this.#plan = plan;
  }

  /** The next ping, which is on its way from now on. */
  next(): Uint8Array {
    this.#giveUpBefore(performance.now() - replyWaitMs);
    this.#sent += 1;
    this.#sentAtMs.set(this.#sent, performance.now());
    return encodePing(this.#sent, this.#token);
  }

  /**
   * Pings until the plan is done, the session closes or `signal` aborts. `startedAtMs`: when connecting began. Gives the
   * fault that closed the session, if that ended it.
   */
  async run(connection: Connection, startedAtMs: number, signal: AbortSignal): Promise<PunchError | undefined> {
    let closed: PunchError | undefined;
    const end = (): void => this.#ended.abort();
    connection.on("message", (bytes, { path }) => {
      this.#receive(bytes, path, startedAtMs);
      if (this.#isDone(connection)) end();
    });
    connection.on("path", () => {
      if (this.#isDone(connection)) end();
    });
    connection.on("close", (error) => {
      closed = error ?? new PunchError("CLOSED", "The host has closed the session.");
      end();
    });
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    await this.#sendAll(connection, startedAtMs);
    signal.removeEventListener("abort", end);
    this.#giveUpBefore(performance.now() - replyWaitMs);
    return closed;
  }

  /** "direct to 198.51.100.7:41641, 12.4 ms", for the status line. */
  statusText(path: PathInfo): string {
    return this.#lastRttMs === undefined ? pathText(path) : `${pathText(path)}, ${msText(this.#lastRttMs)}`;
  }

  /** For people: how many came back, and how fast. */
  noticeSummary(): void {
    const { least, sum, most } = this.#rtts;
    const times =
      this.replies === 0
        ? ""
        : ` Round trip ${msText(least)} at least, ${msText(sum / this.replies)} on average, ${msText(most)} at most.`;
    this.#output.notice(`${this.#sent} sent, ${this.replies} came back.${times}`);
  }

  async #sendAll(connection: Connection, startedAtMs: number): Promise<void> {
    const { intervalMs, count, untilDirectMs = Infinity } = this.#plan;
    // The first may have gone as early data; then the next follows an interval after it.
    if (this.#sent === 0) sendOrLose(connection, this.next());
    while (this.#sent < count) {
      await this.#pause(intervalMs);
      if (this.#ended.signal.aborted || performance.now() - startedAtMs > untilDirectMs) return;
      sendOrLose(connection, this.next());
    }
    if (this.#sentAtMs.size > 0) await this.#pause(replyWaitMs);
  }

  /** Ends early when there is nothing more to wait for. */
  async #pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.#ended.signal });
    } catch (error) {
      if (!this.#ended.signal.aborted) throw error;
    }
  }

  #receive(bytes: Uint8Array, path: PathKind, startedAtMs: number): void {
    const seq = decodePing(bytes, this.#token);
    const sentAtMs = seq === undefined ? undefined : this.#sentAtMs.get(seq);
    if (seq === undefined || sentAtMs === undefined) return;
    this.#sentAtMs.delete(seq);
    const rttMs = Math.round((performance.now() - sentAtMs) * 1000) / 1000;
    this.replies += 1;
    this.#lastRttMs = rttMs;
    const { least, sum, most } = this.#rtts;
    this.#rtts = { least: Math.min(least, rttMs), sum: sum + rttMs, most: Math.max(most, rttMs) };
    if (path === "direct") this.sawDirect = true;
    this.#output.event("reply", { seq, rttMs, path, ms: sinceMs(startedAtMs) }, `${seq}: ${msText(rttMs)}, ${path}`);
  }

  #isDone(connection: Connection): boolean {
    const { count, untilDirectMs } = this.#plan;
    if (this.#sent >= count && this.#sentAtMs.size === 0) return true;
    return untilDirectMs !== undefined && this.sawDirect && connection.path.kind === "direct";
  }

  #giveUpBefore(ms: number): void {
    for (const [seq, sentAtMs] of this.#sentAtMs) {
      if (sentAtMs > ms) return;
      this.#sentAtMs.delete(seq);
      this.#output.event("lost", { seq }, `${seq}: no answer`);
    }
  }
}
