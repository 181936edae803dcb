/** One line at the bottom of a terminal that is rewritten in place, below the lines that stay. */
import type { WriteStream } from "node:tty";

const refreshMs = 1000;
const clearLine = "\r\u001b[2K";

export class StatusLine {
  readonly #stream: Pick<WriteStream, "columns" | "write">;
  #text: (() => string) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: Pick<WriteStream, "columns" | "write">) {
    this.#stream = stream;
  }

  /** From now on the line shows what `text` gives, asked once a second and at each `draw`. */
  show(text: () => string): void {
    this.#text = text;
    this.#timer ??= setInterval(() => this.draw(), refreshMs).unref();
    this.draw();
  }

  draw(): void {
    if (this.#text === undefined) return;
    const width = Math.max(this.#stream.columns - 1, 20);
    this.#stream.write(clearLine + shortened(this.#text(), width));
  }

  /** Makes room for a line that stays; `draw` afterwards. */
  clear(): void {
    if (this.#text !== undefined) this.#stream.write(clearLine);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.clear();
    this.#text = undefined;
  }
}

/** A line that wraps could not be rewritten in place. */
function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
