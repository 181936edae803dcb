/** Writes log lines in the background, so that whoever reads them slowly, or not at all, never holds up the server. */
import { write, writeSync } from "node:fs";

/** Characters of lines that wait for their reader; what comes beyond is lost and counted. */
const maxWaiting = 1_048_576;
/** A pipe that takes no more is tried again after so long. */
const retryMs = 20;

export class LineWriter {
  readonly #fd: number;
  readonly #tellLost: (lines: number) => void;
  /** Not being written yet. */
  #lines: string[] = [];
  /** Characters of `#lines`. */
  #waiting = 0;
  #isWriting = false;
  #isClosed = false;
  #lost = 0;
  /** The system took the lines before. */
  #isTaken = true;

  /** `tellLost`: so many lines were lost behind those written last, and there is room again. */
  constructor(fd: number, tellLost: (lines: number) => void) {
    this.#fd = fd;
    this.#tellLost = tellLost;
    process.once("exit", () => this.#writeRest());
  }

  /** A line with its end. */
  write(line: string): void {
    if (this.#isClosed) return;
    if (this.#waiting + line.length > maxWaiting) {
      this.#lost++;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    if (this.#isWriting) return;
    this.#isWriting = true;
    // What else is told in this turn goes with it.
    setImmediate(() => this.#next());
  }

  #next(): void {
    if (this.#lines.length === 0) {
      this.#isWriting = false;
      return;
    }
    const lines = this.#lines.length;
    const bytes = this.#take();
    // Room is made, so that a line which says so is not lost as well; nor is it, where nothing is taken.
    if (this.#lost > 0 && this.#isTaken) this.#tell();
    this.#write(bytes, 0, lines);
  }

  #tell(): void {
    const lost = this.#lost;
    this.#lost = 0;
    this.#tellLost(lost);
  }

  #take(): Buffer {
    const bytes = Buffer.from(this.#lines.join(""));
    this.#lines = [];
    this.#waiting = 0;
    return bytes;
  }

  #write(bytes: Buffer, start: number, lines: number): void {
    write(this.#fd, bytes, start, bytes.length - start, null, (error, written) => {
      const end = start + (error === null ? written : 0);
      if (error?.code === "EAGAIN") {
        setTimeout(() => this.#write(bytes, end, lines), retryMs);
      } else if (error === null && end < bytes.length) {
        this.#write(bytes, end, lines);
      } else {
        // Nobody reads any more. Of other errors, as of a full disk, these lines are lost: no reason to end a server.
        this.#isClosed = error?.code === "EPIPE";
        this.#isTaken = error === null;
        if (error !== null) this.#lost += lines;
        this.#next();
      }
    });
  }

  /** The process ends, and does nothing more in the background. */
  #writeRest(): void {
    if (this.#isClosed || this.#lines.length === 0) return;
    try {
      writeSync(this.#fd, this.#take());
    } catch {
      // There is nobody left to tell.
    }
  }
}
