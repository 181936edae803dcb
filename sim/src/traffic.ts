/** What all parts of a world share: its time, what is going to happen, the rules between nodes, the log. */
import { BufferPool } from "./buffer-pool.ts";
import type { Datagram, Happening, Receiver, Station } from "./datagram.ts";
import type { DatagramEntry, DropReason } from "./datagram-log.ts";
import { EventQueue } from "./event-queue.ts";
import type { Link } from "./link.ts";

/** Sees all that happens in a world; a checker throws from it when an invariant is broken. */
export interface Watcher {
  /** A machine sent a datagram. `bytes` are valid during the call only, here and below. */
  sent?(datagram: Datagram): void;
  /** A datagram is about to be given to the machine of `to`. */
  delivered?(datagram: Datagram, to: Station): void;
  dropped?(datagram: Datagram, why: DropReason): void;
  /** A machine emitted an event. */
  event?(node: Station, event: unknown): void;
}

export class Traffic {
  now = 0;
  readonly queue: EventQueue<Happening> = new EventQueue();
  readonly buffers: BufferPool = new BufferPool();
  /** Machines that are being called; while it is not 0, deliveries wait in the queue. */
  callsUnderWay = 0;
  /** `undefined` when the log is switched off. */
  readonly log: DatagramEntry[] | undefined;
  readonly watchers: Watcher[] = [];
  /** Links between two nodes, by "from>to"; "cut" lets nothing through. */
  readonly rules: Map<string, Link | "cut"> = new Map();

  constructor(log: boolean) {
    this.log = log ? [] : undefined;
  }

  sent(datagram: Datagram): void {
    this.#enter(datagram, datagram.origin.name);
    for (const watcher of this.watchers) watcher.sent?.(datagram);
  }

  /** Puts a datagram into a link; it arrives at `next` when it comes out. */
  cross(datagram: Datagram, link: Link, next: Receiver): void {
    const { now } = this;
    if (datagram.dontFragment && link.isTooLarge(datagram.packetBytes)) return this.drop(datagram, "too-large");
    const fate = link.enter(now, datagram.bytes.length);
    if (fate !== "passed") return this.drop(datagram, fate);
    const { arrivesAtMs, copyArrivesAtMs } = link;
    if (copyArrivesAtMs !== Infinity) this.#duplicate(datagram, next, copyArrivesAtMs);
    if (arrivesAtMs <= now) return next.arrive(datagram);
    datagram.next = next;
    this.queue.push(arrivesAtMs, datagram);
  }

  drop(datagram: Datagram, why: DropReason): void {
    if (datagram.entry !== undefined) datagram.entry.dropped = why;
    for (const watcher of this.watchers) watcher.dropped?.(datagram, why);
    this.buffers.release(datagram.bytes);
  }

  /** Its receiver has its bytes until it has called `buffers.release`. */
  delivered(datagram: Datagram, to: Station): void {
    const { entry } = datagram;
    if (entry !== undefined) {
      entry.to = to.name;
      entry.deliveredAtMs = this.now;
      entry.seenFrom = datagram.source;
    }
    for (const watcher of this.watchers) watcher.delivered?.(datagram, to);
  }

  /**
   * Applies the rule between the two nodes; true when the datagram goes on at once, false when it was dropped, or
   * will come to `next` again.
   */
  passesRule(datagram: Datagram, to: Station | undefined, next: Receiver): boolean {
    if (datagram.ruled || to === undefined) return true;
    datagram.ruled = true;
    const rule = this.rules.get(ruleKey(datagram.origin, to));
    if (rule === undefined) return true;
    if (rule === "cut") this.drop(datagram, "cut");
    else this.cross(datagram, rule, next);
    return false;
  }

  #duplicate(datagram: Datagram, next: Receiver, at: number): void {
    const copy = datagram.copy(this.buffers.copyOf(datagram.bytes));
    copy.next = next;
    this.#enter(copy, copy.origin.name);
    this.queue.push(at, copy);
  }

  #enter(datagram: Datagram, from: string): void {
    if (this.log === undefined) return;
    const { bytes, source, target } = datagram;
    datagram.entry = {
      sentAtMs: this.now,
      from,
      to: undefined,
      deliveredAtMs: undefined,
      dropped: undefined,
      flags: datagram.flagsText,
      lengthBytes: bytes.length,
      firstByte: bytes[0] ?? -1,
      source,
      target,
      seenFrom: undefined,
    };
    this.log.push(datagram.entry);
  }
}

export function ruleKey(from: Station, to: Station): string {
  return `${from.name}>${to.name}`;
}
