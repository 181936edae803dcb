/** Which cores processes have: what is measured one of its own, and what loads it another, where there are two. */
import { spawnSync } from "node:child_process";
import { availableParallelism, constants, setPriority } from "node:os";

const cores = { server: 0, load: 1 } as const;

/**
 * Set for machines that do something else as well: then what is measured gets its core whenever it has something to do,
 * and the others get as much time between the runs.
 */
export const isRealTime: boolean = process.env["BENCH_REALTIME"] !== undefined;

/** How long to rest behind a run of that length. */
export function restMs(runMs: number): number {
  return isRealTime ? runMs : 0;
}

/** Before other programs, so that what else the machine does is not measured; as far as this user may. */
export function giveCore(pid: number, core: keyof typeof cores): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Only root may.
  }
  if (availableParallelism() < 2) return;
  spawnSync("taskset", ["--all-tasks", "--pid", "--cpu-list", String(cores[core]), String(pid)]);
  if (isRealTime) spawnSync("chrt", ["--all-tasks", "--rr", "--pid", "1", String(pid)]);
}
