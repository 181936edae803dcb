/** What became of the datagrams of one driver; for metrics, read-only outside this package. */
export interface Counters {
  /** Datagrams given to the machine. */
  readonly received: number;
  /** Datagrams handed to the system, those that it then refused included. */
  readonly sent: number;
  /** Datagrams lost on this machine, by reason: a `DropWord` or a code of the system (EMSGSIZE, ENETUNREACH ...). */
  readonly drops: ReadonlyMap<string, number>;
}

/** The driver's own reasons to drop a datagram; the first concerns received ones, the others those to be sent. */
export type DropWord =
  | "source-unusable"
  | "port-not-open"
  | "destination-port-0"
  | "destination-other-family"
  | "send-queue-full";

export class DriverCounters implements Counters {
  received = 0;
  sent = 0;
  readonly drops: Map<string, number> = new Map();

  drop(word: DropWord): void {
    this.#count(word);
  }

  /** Counts an error of the system under its code. */
  fail(error: NodeJS.ErrnoException): void {
    this.#count(error.code ?? "unknown");
  }

  #count(word: string): void {
    this.drops.set(word, (this.drops.get(word) ?? 0) + 1);
  }
}
