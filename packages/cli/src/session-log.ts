/** Tells of the sessions of a host, each under a number: how it came, how it goes over, how it ended. */
import type { Connection, Listener } from "@fractal-punch/peer";
import type { Output } from "./output.ts";
import { pathText } from "./path-report.ts";
import { bytesText, durationText } from "./quantity.ts";
import { Rates, type Totals } from "./rates.ts";

export class SessionLog {
  readonly #output: Output;
  readonly #listener: Listener;
  readonly #rates = new Rates(performance.now());
  #sessions = 0;
  #ended: Totals = { sentBytes: 0, receivedBytes: 0 };

  constructor(listener: Listener, output: Output) {
    this.#listener = listener;
    this.#output = output;
  }

  /** Tells of this session from now on. */
  add(connection: Connection): void {
    this.#sessions += 1;
    const session = this.#sessions;
    const { peer, invite, path } = connection;
    const startedAtMs = performance.now();
    this.#output.event(
      "session",
      { session, peer, ...(invite && { invite }), path: path.kind, transport: path.transport },
      `Session ${session}: a client${invite?.name === undefined ? "" : ` with the invite "${invite.name}"`} is connected, ${pathText(path)}.`,
    );
    let { kind, transport } = path;
    connection.on("path", (now) => {
      if (now.kind === kind && now.transport === transport) return;
      ({ kind, transport } = now);
      const fields = { session, path: kind, transport, local: now.local, remote: now.remote, rttMs: now.rttMs };
      this.#output.event("path", fields, `Session ${session}: ${pathText(now)}.`);
    });
    connection.on("close", (error) => this.#end(session, connection, performance.now() - startedAtMs, error?.code));
  }

  /** "2 sessions (1 direct), 12.1 Mbit/s out, 0.2 Mbit/s in", for the status line. */
  statusText(): string {
    const open = [...this.#listener.sessions];
    if (open.length === 0) return "no sessions";
    const direct = open.filter((connection) => connection.path.kind === "direct").length;
    const totals = open.map((connection) => connection.counts).reduce<Totals>(plus, this.#ended);
    const count = open.length === 1 ? "1 session" : `${open.length} sessions`;
    return `${count} (${direct} direct), ${this.#rates.text(totals, performance.now())}`;
  }

  #end(session: number, connection: Connection, lastedMs: number, code: string | undefined): void {
    const { sentBytes, receivedBytes } = connection.counts;
    this.#ended = plus(this.#ended, { sentBytes, receivedBytes });
    const why = code === undefined ? "" : ` (${code})`;
    this.#output.event(
      "closed",
      { session, code, sentBytes, receivedBytes },
      `Session ${session}: ended after ${durationText(lastedMs)}${why}; ${bytesText(sentBytes)} out, ${bytesText(receivedBytes)} in.`,
    );
  }
}

function plus(a: Totals, b: Totals): Totals {
  return { sentBytes: a.sentBytes + b.sentBytes, receivedBytes: a.receivedBytes + b.receivedBytes };
}
