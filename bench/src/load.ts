/** A closed loop: so many questions under way at once, each answered one followed by the next. Nothing queues for long. */
import { cpuMicrosOf } from "./process-usage.ts";

const silenceMs = 5_000;

export class Load {
  readonly count: number;
  readonly #width: number;
  readonly #ask: (index: number) => void;
  #asked = 0;
  #answered = 0;
  #silence: NodeJS.Timeout | undefined;
  #finish: (() => void) | undefined;

  /** `ask` sends the question of that index; whoever gets its answer calls `answered`. */
  constructor(count: number, width: number, ask: (index: number) => void) {
    this.count = count;
    this.#width = Math.min(width, count);
    this.#ask = ask;
  }

  /** Resolves when all are answered; rejects when nothing is answered for 5 s. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#finish = resolve;
      const fail = (): void => reject(new Error(`a load stopped: ${this.#answered} of ${this.count} were answered`));
      this.#silence = setTimeout(fail, silenceMs);
      for (let i = 0; i < this.#width; i++) this.#next();
    });
  }

  answered(): void {
    this.#answered++;
    this.#silence?.refresh();
    if (this.#asked < this.count) this.#next();
    if (this.#answered < this.count) return;
    clearTimeout(this.#silence);
    this.#finish?.();
  }

  #next(): void {
    this.#ask(this.#asked++);
  }
}

/** Runs the load; gives the microseconds of CPU that each of its questions cost the process. */
export async function cpuMicrosEach(pid: number, load: Load): Promise<number> {
  const before = await cpuMicrosOf(pid);
  await load.run();
  return ((await cpuMicrosOf(pid)) - before) / load.count;
}
