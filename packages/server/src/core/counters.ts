/** What the server has seen and done since it started. Every word is from a closed set, so the counts cannot grow. */
import type { ErrorCode, VerdictReport } from "@fractal-punch/wire";
import type { ClassicCounts } from "./classic-counters.ts";
import type { ForwardCounts } from "./forwarding/forward-counts.ts";
import type { Drop, Outcome } from "./outcome.ts";
import type { StreamWord } from "./streams.ts";

export type ServedWord =
  | "binding"
  | "register"
  | "connect"
  | "report"
  | "channel-data"
  | "allocate"
  | "refresh"
  | "create-permission"
  | "channel-bind"
  /** RFC 6062's Connect. */
  | "tcp-connect"
  | "connection-bind"
  /** Peers that connected to relayed addresses. */
  | "connection-attempt"
  /** Pieces of streams between clients and peers. */
  | "stream-data"
  /** Send indications. */
  | "send"
  /** What peers sent to relayed addresses. */
  | "from-peer";
export type ReportWord = `${VerdictReport["path"]}/${VerdictReport["reason"]}`;

/** A count for each word that has occurred. */
export class Tally<Word> {
  /** Objects, so that counting is a look-up and no change of the map. */
  readonly #counts = new Map<Word, { count: number }>();

  of(word: Word): number {
    return this.#counts.get(word)?.count ?? 0;
  }

  add(word: Word, times: number = 1): void {
    const counted = this.#counts.get(word);
    if (counted === undefined) this.#counts.set(word, { count: times });
    else counted.count += times;
  }

  *entries(): IterableIterator<[Word, number]> {
    for (const [word, { count }] of this.#counts) yield [word, count];
  }
}

export class Counters {
  /** Questions that were answered, reports, and datagrams relayed. */
  readonly served: Tally<ServedWord> = new Tally();
  /** Datagrams that nobody was told about, by reason. */
  readonly dropped: Tally<Drop> = new Tally();
  /** Refusals by code. */
  readonly refused: Tally<ErrorCode> = new Tally();
  readonly reports: Tally<ReportWord> = new Tally();
  /** TURN's refusals to who is not known, which are larger than what they answer. */
  readonly challenges: { questionBytes: number; answerBytes: number } = { questionBytes: 0, answerBytes: 0 };
  /** Everything that came by the classic protocols. */
  readonly classic: ClassicCounts = new Tally();
  /** TCP connections: those taken, and what was wrong with others. */
  readonly streams: Tally<StreamWord> = new Tally();
  relayedBytes: number = 0;
  /** Hints that a channel is not known. */
  hints: number = 0;

  /** Of the forwarding plane's counts, those that are in these. */
  #forwarded = { channelData: 0, fromPeers: 0, bytes: 0 };

  /** Adds what forwarders have relayed since this was called last. */
  learnForwarded(forwarders: readonly ForwardCounts[]): void {
    const sum = { channelData: 0, fromPeers: 0, bytes: 0 };
    for (const { channelData, fromPeers, bytes } of forwarders) {
      sum.channelData += channelData;
      sum.fromPeers += fromPeers;
      sum.bytes += bytes;
    }
    const known = this.#forwarded;
    if (sum.channelData > known.channelData) this.served.add("channel-data", sum.channelData - known.channelData);
    if (sum.fromPeers > known.fromPeers) this.served.add("from-peer", sum.fromPeers - known.fromPeers);
    this.relayedBytes += sum.bytes - known.bytes;
    this.#forwarded = sum;
  }

  /** As `outcome`, of a datagram that was to be relayed. */
  relayed(word: ServedWord, outcome: Outcome, bytes: Uint8Array): void {
    this.outcome(word, outcome);
    if (outcome === "served") this.relayedBytes += bytes.length;
  }

  outcome(word: ServedWord, outcome: Outcome): void {
    if (outcome === "served") this.served.add(word);
    else if (typeof outcome === "string") this.dropped.add(outcome);
    else this.refused.add(outcome.code);
  }
}
