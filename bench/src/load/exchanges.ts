/** Questions of one run, each with one answer: keeps so many of them under way, or asks at a pace. */
import { type MessageClass, readU16, StunBuilder } from "@fractal-punch/wire";
import { cpuTimeNow } from "../process-usage.ts";
import { Latencies, ticksOf } from "./latencies.ts";
import type { Line } from "./line.ts";
import type { LineIo } from "./line-io.ts";
import { Pacer } from "./pacer.ts";
import type { Measured, Run } from "./spec.ts";

/** A question, made before the run; what answers it comes to another socket perhaps. */
export interface Exchange {
  readonly ask: Line;
  readonly bytes: Uint8Array;
  readonly answer: Line;
}

export interface Questions {
  /** The first two bytes of every answer. */
  readonly answerType: number;
  /** As many as come in one round, no two neighbours with the same sockets. */
  prepare(): Exchange[];
}

/** Of a STUN message. */
export function typeOf(messageClass: MessageClass, method: number): number {
  return readU16(new StunBuilder().begin(messageClass, method, new Uint8Array(12)).bytes(), 0);
}

/** Fewer than there are sockets: each has one under way. */
const width = 64;
const silenceMs = 1_000;

export class Exchanges {
  readonly #io: LineIo;
  readonly #run: Run;
  readonly #questions: Questions;
  /** When the question was sent whose answer comes to that socket, in ticks. */
  readonly #since = new Map<Line, number>();
  readonly #latencies = new Latencies(100_000);
  #answered = 0;
  #lastMs = 0;

  constructor(io: LineIo, run: Run, questions: Questions) {
    this.#io = io;
    this.#run = run;
    this.#questions = questions;
  }

  measure(round: number): Measured {
    const { name, pid, perSecond } = this.#run;
    const exchanges = this.#questions.prepare();
    for (const { answer } of exchanges)
      answer.onMessage = (start, end, segmentBytes) => this.#take(answer, start, end, segmentBytes);
    this.#latencies.clear();
    this.#since.clear();
    this.#answered = 0;
    const before = cpuTimeNow(pid);
    const startMs = performance.now();
    this.#ask(exchanges);
    const tookMs = performance.now() - startMs;
    const after = cpuTimeNow(pid);
    const micros = after.micros - before.micros;
    return {
      name,
      round,
      perSecond: (this.#answered / tookMs) * 1000,
      micros: micros / this.#answered,
      busy: (micros + after.waitedMicros - before.waitedMicros) / 1000 / tookMs,
      lost: 1 - this.#answered / exchanges.length,
      ...(perSecond !== undefined && { latency: this.#latencies.summary() }),
    };
  }

  /** Until all are answered, or nothing comes any more. */
  #ask(exchanges: readonly Exchange[]): void {
    const { perSecond } = this.#run;
    const pacer = new Pacer(perSecond === undefined ? 0 : 1000 / perSecond, performance.now());
    let next = 0;
    this.#lastMs = performance.now();
    for (let now = this.#lastMs; now < this.#lastMs + silenceMs; now = performance.now()) {
      while (this.#since.size < width && next < exchanges.length && pacer.isDue(now)) {
        const exchange = exchanges[next++];
        if (exchange === undefined) break;
        this.#since.set(exchange.answer, ticksOf(now));
        exchange.ask.put(exchange.bytes);
      }
      this.#io.outgoing.flush();
      this.#io.poller.poll(0);
      if (this.#answered === exchanges.length) return;
    }
  }

  #take(answer: Line, start: number, end: number, segmentBytes: number): void {
    const now = performance.now();
    for (let at = start; at < end; at += segmentBytes) {
      if (this.#io.view.getUint16(at) !== this.#questions.answerType) continue;
      const since = this.#since.get(answer);
      if (since === undefined) continue;
      this.#since.delete(answer);
      this.#latencies.add((ticksOf(now) - since) >>> 0);
      this.#answered++;
      this.#lastMs = now;
    }
  }
}
