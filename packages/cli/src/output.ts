/**
 * What a command says, in one of three forms: JSON lines for programs (--json), lines with a live status line below them
 * on a terminal, and plain lines elsewhere. Results go to stdout, notices and the status line to stderr.
 */
import { StatusLine } from "./status-line.ts";

export type Fields = Readonly<Record<string, unknown>>;

export class Output {
  readonly json: boolean;
  readonly #unread = new AbortController();
  readonly #status: StatusLine | undefined;

  constructor(json: boolean) {
    this.json = json;
    if (!json && process.stderr.isTTY) this.#status = new StatusLine(process.stderr);
    for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
    process.stdout.once("error", () => this.#unread.abort());
  }

  /** Aborted when nobody reads stdout any more (`| head`): no reason to end a tunnel, but one to stop pinging. */
  get unread(): AbortSignal {
    return this.#unread.signal;
  }

  /** One event: a JSON line for programs; for people `text`, unless there is nothing to tell them. */
  event(event: string, fields: Fields, text?: string): void {
    if (this.json) process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
    else if (text !== undefined) this.#write(process.stdout, text);
  }

  /** Something that people should know; programs get it as a "warning". */
  warn(message: string): void {
    if (this.json) this.event("warning", { message });
    else this.#write(process.stderr, `Note: ${message}`);
  }

  /** For people only. */
  notice(text: string): void {
    if (!this.json) this.#write(process.stderr, text);
  }

  /** Shows what `text` gives below all lines, as long as it is not told otherwise; only on a terminal. */
  status(text: () => string): void {
    this.#status?.show(text);
  }

  /** The status line as it is now, at once. */
  refresh(): void {
    this.#status?.draw();
  }

  end(): void {
    this.#status?.end();
  }

  #write(stream: NodeJS.WriteStream, text: string): void {
    this.#status?.clear();
    stream.write(`${text}\n`);
    this.#status?.draw();
  }
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}
