/** What a process uses, as Linux tells it in /proc. */
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "./figures.ts";

export interface Memory {
  /** All of it that is in memory. */
  readonly residentMb: number;
  /** Without what is backed by files: the program's own data. */
  readonly anonymousMb: number;
}

const mb = 1_048_576;
const readings = 11;
const readingEveryMs = 200;

/** Medians of readings over 2 s. */
export async function memoryOf(pid: number): Promise<Memory> {
  const resident: number[] = [];
  const anonymous: number[] = [];
  for (let reading = 0; reading < readings; reading++) {
    if (reading > 0) await sleep(readingEveryMs);
    const status = await readFile(`/proc/${pid}/status`, "latin1");
    resident.push(fieldBytes(status, "VmRSS"));
    anonymous.push(fieldBytes(status, "RssAnon"));
  }
  return { residentMb: median(resident) / mb, anonymousMb: median(anonymous) / mb };
}

/** Of all threads since the start, in microseconds. Threads that ended meanwhile are not in it. */
export interface CpuTime {
  readonly micros: number;
  /** While there was work, but no core for it. */
  readonly waitedMicros: number;
}

export function cpuTimeNow(pid: number): CpuTime {
  let micros = 0;
  let waitedMicros = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [ran, waited] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ");
    micros += Number(ran) / 1000;
    waitedMicros += Number(waited) / 1000;
  }
  return { micros, waitedMicros };
}

export async function cpuMicrosOf(pid: number): Promise<number> {
  return cpuTimeNow(pid).micros;
}

function fieldBytes(status: string, name: string): number {
  const kilobytes = new RegExp(`^${name}:\\s+([0-9]+) kB$`, "m").exec(status)?.[1];
  if (kilobytes === undefined)
    throw new Error(`/proc tells no ${name}: the bench needs Linux, and a process that lives`);
  return Number(kilobytes) * 1024;
}
