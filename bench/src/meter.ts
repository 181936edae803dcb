/** Readings of something that grows, before and after a piece of work, for each of the things that were done in it. */
export class Meter {
  readonly each: number[] = [];
  readonly #read: () => number;

  constructor(read: () => number) {
    this.#read = read;
  }

  measure(count: number, work: () => void): void {
    const before = this.#read();
    work();
    this.each.push((this.#read() - before) / count);
  }
}

/** CPU time of this process, all its threads, in microseconds. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** What is alive or not yet collected. */
export function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
