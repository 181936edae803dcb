/** The datagrams of one run: keeps so many of them under way, or sends at a pace, and counts what arrives. */
import { cpuTimeNow } from "../process-usage.ts";
import { Lane, type Path, stampBytes } from "./lane.ts";
import { Latencies, ticksOf } from "./latencies.ts";
import type { Line } from "./line.ts";
import type { LineIo } from "./line-io.ts";
import { Pacer } from "./pacer.ts";
import type { Measured, Run, Spec } from "./spec.ts";

/** Enough to keep a server busy, and less than its socket's buffer holds. */
const windowDatagrams = 128;
/** After so long without any, those under way are held for lost. */
const silenceMs = 10;
const settleMs = 30;
const maxSamples = 1_000_000;

export class Traffic {
  readonly #io: LineIo;
  readonly #run: Run;
  readonly #lanes: readonly Lane[];
  readonly #latencies = new Latencies(maxSamples);
  #underWay = 0;
  #sent = 0;
  #arrived = 0;
  #lastArrivalMs = 0;
  #turn = 0;

  constructor(io: LineIo, run: Run, paths: readonly Path[]) {
    this.#io = io;
    this.#run = run;
    this.#lanes = paths.map((path, number) => new Lane(number, path));
    for (const { path } of this.#lanes) {
      path.from.segments = run.burst > 1;
      path.into.onMessage = (start, end, segmentBytes) => this.#take(path.into, path.stampAt, start, end, segmentBytes);
    }
  }

  /** Runs for both times, one after the other, and tells of the second. */
  measure(round: number, { warmMs, measureMs }: Spec): Measured {
    const { name, pid, perSecond } = this.#run;
    this.#settle();
    this.#spend(warmMs);
    this.#latencies.clear();
    const cpu = cpuTimeNow(pid);
    const arrived = this.#arrived;
    const startMs = performance.now();
    this.#spend(measureMs);
    const tookMs = performance.now() - startMs;
    const after = cpuTimeNow(pid);
    const micros = after.micros - cpu.micros;
    const wantedMicros = micros + after.waitedMicros - cpu.waitedMicros;
    const count = this.#arrived - arrived;
    this.#settle();
    const lost = 1 - this.#arrived / this.#sent;
    this.#sent = 0;
    this.#arrived = 0;
    return {
      name,
      round,
      perSecond: (count / tookMs) * 1000,
      micros: micros / count,
      busy: wantedMicros / 1000 / tookMs,
      lost,
      ...(perSecond !== undefined && { latency: this.#latencies.summary() }),
    };
  }

  #spend(ms: number): void {
    const endMs = performance.now() + ms;
    if (this.#run.perSecond === undefined) this.#saturate(endMs);
    else this.#pace(endMs, (1000 * this.#run.burst) / this.#run.perSecond);
  }

  #saturate(endMs: number): void {
    this.#lastArrivalMs = performance.now();
    for (let now = this.#lastArrivalMs; now < endMs; now = performance.now()) {
      if (now > this.#lastArrivalMs + silenceMs) this.#forget(now);
      while (this.#underWay + this.#run.burst <= windowDatagrams) this.#send(now);
      this.#io.outgoing.flush();
      this.#io.poller.poll(0);
    }
  }

  #pace(endMs: number, everyMs: number): void {
    const pacer = new Pacer(everyMs, performance.now());
    for (let now = performance.now(); now < endMs; now = performance.now()) {
      if (pacer.isDue(now)) {
        this.#send(now);
        this.#io.outgoing.flush();
      }
      this.#io.poller.poll(0);
    }
  }

  /** The lanes take turns. */
  #send(now: number): void {
    const { burst } = this.#run;
    this.#lanes[this.#turn++ % this.#lanes.length]?.send(this.#io, burst, ticksOf(now));
    this.#underWay += burst;
    this.#sent += burst;
  }

  #forget(now: number): void {
    for (const lane of this.#lanes) lane.arrived = lane.sent;
    this.#underWay = 0;
    this.#lastArrivalMs = now;
  }

  /** What is under way arrives. */
  #settle(): void {
    const endMs = performance.now() + settleMs;
    while (performance.now() < endMs) this.#io.poller.poll(1);
    this.#forget(endMs);
  }

  /** Whatever else comes, a server's indication or a keepalive, is of another lane or of none. */
  #take(into: Line, stampAt: number, start: number, end: number, segmentBytes: number): void {
    const { view } = this.#io;
    const now = performance.now();
    const ticks = ticksOf(now);
    const isPaced = this.#run.perSecond !== undefined;
    for (let at = start + stampAt; at + stampBytes <= end; at += segmentBytes) {
      const lane = this.#lanes[view.getUint32(at)];
      const next = view.getUint32(at + 4) + 1;
      if (lane?.path.into !== into || next > lane.sent) continue;
      // Those between the last one and this one will not come any more.
      if (next > lane.arrived) {
        this.#underWay -= next - lane.arrived;
        lane.arrived = next;
      }
      if (isPaced) this.#latencies.add((ticks - view.getUint32(at + 8)) >>> 0);
      this.#arrived++;
    }
    this.#lastArrivalMs = now;
  }
}
