/** Tells the operator of each match. Nothing proves who asked, so the log is bounded: what is beyond is counted. */
import type { Address4, Outbox } from "@fractal-punch/machine";
import type { Rate } from "./bucket.ts";
import { Buckets } from "./buckets.ts";
import type { ClassicCounts } from "./classic-counters.ts";
import type { ServerEvent } from "./events.ts";
import type { PrefixBuckets } from "./prefix-buckets.ts";

export interface ClassicMatch {
  readonly generation: 1 | 2;
  readonly transport: "udp" | "tcp";
  readonly client: Address4;
  readonly cloudComputer: Address4;
}

export class MatchLog {
  readonly #counts: ClassicCounts;
  readonly #lines: Buckets<"line">;
  /** By clients: who comes from one network must not use up the lines of all. */
  readonly #clients: PrefixBuckets;

  constructor(totalRate: Rate, clients: PrefixBuckets, counts: ClassicCounts) {
    this.#counts = counts;
    this.#lines = new Buckets(totalRate, 1);
    this.#clients = clients;
  }

  tell(now: number, match: ClassicMatch, out: Outbox<ServerEvent>): void {
    if (this.#clients.take(now, match.client) && this.#lines.take(now, "line"))
      out.emit({ type: "classic-matched", ...match });
    else this.#counts.add("unlogged");
  }
}
