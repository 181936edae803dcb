/**
 * A program of the bench: sends datagrams to a local port that leads to the far end, with so many under way that nothing
 * waits long. Its argument is a `NearSpec`; it prints what it measured, and ends.
 */
import { cpuTimeNow } from "../process-usage.ts";
import { Lane } from "./lane.ts";
import { ticksOf } from "./latencies.ts";
import { Line, serverWords } from "./line.ts";
import { LineIo } from "./line-io.ts";

export interface NearSpec {
  readonly port: number;
  readonly bytes: number;
  readonly rounds: number;
  readonly roundMs: number;
  /** Of the tunnel's two ends. */
  readonly nearPid: number;
  readonly farPid: number;
}

/** CPU time for each datagram that arrived, and how many did. */
export interface NearMeasured {
  readonly nearMicros: number;
  readonly farMicros: number;
  readonly perSecond: number;
}

const windowDatagrams = 192;
const silenceMs = 20;

const spec: NearSpec = JSON.parse(process.argv[2] ?? "");
const io = new LineIo();
const line = new Line(io, spec.port);
const path = { from: line, to: serverWords(spec.port), head: [], bytes: spec.bytes, into: line, stampAt: 0 };
const lane = new Lane(0, path);
let arrived = 0;
let acknowledged = 0;
let lastMs = performance.now();
line.segments = false;
line.onMessage = (start) => {
  arrived = io.view.getUint32(start);
  acknowledged = Math.max(acknowledged, io.view.getUint32(start + 4) + 1);
  lastMs = performance.now();
};
spend(spec.roundMs);
const measured: NearMeasured[] = [];
for (let round = 0; round < spec.rounds; round++) measured.push(measure());
console.log(JSON.stringify({ event: "measured", measured }));

function measure(): NearMeasured {
  const near = cpuTimeNow(spec.nearPid).micros;
  const far = cpuTimeNow(spec.farPid).micros;
  const before = arrived;
  const startMs = performance.now();
  spend(spec.roundMs);
  const tookMs = performance.now() - startMs;
  const count = arrived - before;
  return {
    nearMicros: (cpuTimeNow(spec.nearPid).micros - near) / count,
    farMicros: (cpuTimeNow(spec.farPid).micros - far) / count,
    perSecond: (count / tookMs) * 1000,
  };
}

function spend(ms: number): void {
  const endMs = performance.now() + ms;
  for (let now = performance.now(); now < endMs; now = performance.now()) {
    if (now > lastMs + silenceMs) {
      acknowledged = lane.sent;
      lastMs = now;
    }
    const room = windowDatagrams - (lane.sent - acknowledged);
    for (let i = 0; i < room; i++) lane.send(io, 1, ticksOf(now));
    io.outgoing.flush();
    io.poller.poll(1);
  }
}
