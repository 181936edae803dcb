/** What became of the datagrams and streams of one driver; for metrics, read-only outside this package. */
export interface Counters {
  /** Datagrams given to the machine, and pieces of streams. */
  readonly received: number;
  /** Datagrams and writes to streams handed to the system, those that it then refused included. */
  readonly sent: number;
  /** What was lost on this machine, by reason: a `DropWord` or a code of the system (EMSGSIZE, EMFILE ...). */
  readonly drops: ReadonlyMap<string, number>;
}

/** The driver's own reasons to drop. */
export type DropWord =
  /** Of datagrams and connections that come. */
  | "source-unusable"
  /** The control plane did not keep up with what a forwarding thread left to it. */
  | "handover-full"
  /** Of TLS connections before they are open: too many new ones from a network or in all, or under way; or a fault of theirs. */
  | "handshake-rate"
  | "handshake-made-room"
  | "handshake-late"
  | "handshake-failed"
  /** Of what is sent. */
  | "port-not-open"
  | "destination-port-0"
  | "destination-other-family"
  | "stream-not-open"
  | "send-queue-full";

export class DriverCounters implements Counters {
  received = 0;
  sent = 0;
  readonly drops: Map<string, number> = new Map();

  drop(word: DropWord): void {
    this.count(word, 1);
  }

  /** Counts an error of the system under its word for it. */
  fail(code: string = "unknown"): void {
    this.count(code, 1);
  }

  count(word: string, times: number): void {
    this.drops.set(word, (this.drops.get(word) ?? 0) + times);
  }
}
