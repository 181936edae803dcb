/**
 * One way to the other peer: how it is probed, and what is known of it. A path is proven when a reply to our own probe
 * came back over it; it is doubted and given up by the age of the oldest probe that nothing has answered.
 */
import type { CandidateKind } from "@fractal-punch/wire";
import { LossMeter } from "./loss-meter.ts";
import type { Route } from "./route.ts";
import {
  activeProbeMs,
  deadMs,
  firstProbeGapMs,
  heardAllowance,
  keepaliveMs,
  likelyRttMs,
  roundMs,
  suspectMs,
} from "./timing.ts";

/** How many probes may wait for a reply; older ones count as lost. */
const maxWaiting = 32;
/** How many datagrams an address that the server saw may get before it is proven, and still be sent the application's. */
const maxUnprovenSends = 8;

export class Path {
  readonly route: Route;
  readonly candidate: CandidateKind | "relayed";
  /** How many more datagrams may be sent to this address before it has shown itself (DESIGN: two kinds of address). */
  allowance: number;
  /** Named by the peer only: nothing but probes goes there until it answers one. */
  readonly named: boolean;
  /** It leads to a neighbour: its address is private, in a subnet of this machine, and not only the other end says so. */
  near = false;
  proven = false;
  everProven = false;
  everProbed = false;
  heardAtMs: number = -Infinity;
  rttMs: number | undefined;
  nextProbeAtMs: number = Infinity;
  readonly lossMeter: LossMeter;
  /** Probe id -> time sent, oldest first. */
  readonly #waiting: Map<number, number> = new Map();
  /** When the oldest of them was sent; `Infinity` when none waits. */
  #oldestSentAtMs = Infinity;
  #triedUntilMs = -Infinity;
  #buried = false;
  /** Probes from before are not held against it. */
  #judgedFromMs = -Infinity;
  /** Since when it is doubted; `Infinity` when it is not. */
  #doubtedAtMs = Infinity;
  /** Datagrams that were sent there while nothing proved it. */
  #unprovenSends = 0;
  #gapMs = firstProbeGapMs;

  constructor(
    route: Route,
    candidate: CandidateKind | "relayed",
    allowance: number,
    named: boolean,
    lossMeter: LossMeter = new LossMeter(),
  ) {
    this.route = route;
    this.candidate = candidate;
    this.allowance = allowance;
    this.named = named;
    this.lossMeter = lossMeter;
  }

  /** Starts to try it: probes at 0, 5, 15, 35 ms and so on, for two seconds. */
  tryAt(now: number): void {
    if (this.proven || this.route.kind === "relayed") return;
    this.#gapMs = firstProbeGapMs;
    this.#triedUntilMs = now + roundMs;
    this.nextProbeAtMs = now;
  }

  /** It may be used for two seconds, but is not probed: its address has not shown itself. */
  expect(now: number): void {
    this.#triedUntilMs = now + roundMs;
  }

  trying(now: number): boolean {
    return now < this.#triedUntilMs;
  }

  /** Something authentic came from there, or so its source says, which the other end could forge. */
  heard(now: number): void {
    this.heardAtMs = now;
    this.allowance = Math.max(this.allowance, heardAllowance);
    if (!this.#buried || this.route.kind !== "relayed") return;
    // The other end is back on a relayed path that was given up; nobody else would try it again.
    this.#buried = false;
    this.#judgedFromMs = now;
    this.nextProbeAtMs = now;
  }

  /**
   * Whether a datagram of the application may go there: it is proven, or the server has just seen the other end there,
   * or it is a neighbour's.
   */
  get carriesData(): boolean {
    if (this.allowance === Infinity) return true;
    const isSeen = this.candidate === "server-reflexive" && !this.named;
    return (isSeen || this.near) && this.allowance > 0 && this.#unprovenSends < maxUnprovenSends;
  }

  /** Takes one datagram out of the allowance; false when there is none left. */
  spend(): boolean {
    if (this.allowance <= 0) return false;
    this.allowance--;
    if (this.allowance !== Infinity) this.#unprovenSends++;
    return true;
  }

  get loss(): number {
    return this.lossMeter.ratio;
  }

  /** Notes a probe that leaves now, and when the next one is due. `active`: the application is at work. */
  probed(now: number, id: number, active: boolean): void {
    this.everProbed = true;
    this.#forgetLost(now);
    this.#waiting.set(id, now);
    this.#waitingChanged();
    if (this.standing) {
      // An idle path's lonely probe is followed up later, but soon enough to find a dead path out.
      const lonely = this.#waiting.size === 1;
      this.nextProbeAtMs = now + (active || !lonely ? activeProbeMs : this.#patience(suspectMs));
      return;
    }
    this.nextProbeAtMs = this.allowance > 0 && now + this.#gapMs < this.#triedUntilMs ? now + this.#gapMs : Infinity;
    this.#gapMs *= 2;
  }

  /** A probe came back; false when it is none of ours, or came twice. */
  replied(now: number, id: number, active: boolean): boolean {
    const sentAt = this.#waiting.get(id);
    if (sentAt === undefined) return false;
    for (const [older, olderSentAt] of this.#waiting) {
      if (olderSentAt > sentAt) break;
      this.#waiting.delete(older);
      if (this.proven && older !== id && olderSentAt < sentAt) this.lossMeter.record(now, true);
    }
    this.#waitingChanged();
    this.lossMeter.record(now, false);
    const sample = now - sentAt;
    this.rttMs = this.rttMs === undefined ? sample : this.rttMs + (sample - this.rttMs) / 8;
    this.heard(now);
    this.allowance = Infinity;
    this.proven = true;
    this.everProven = true;
    this.#buried = false;
    if (sentAt >= this.#doubtedAtMs) this.#doubtedAtMs = Infinity;
    const gapMs = active ? activeProbeMs : keepaliveMs;
    this.nextProbeAtMs = this.#doubtedAtMs === Infinity ? now + gapMs : Math.min(this.nextProbeAtMs, now + gapMs);
    return true;
  }

  /** The application is at work again: an idle path is probed at once. */
  wakeUp(now: number): void {
    if (this.standing && this.nextProbeAtMs > now + activeProbeMs) this.nextProbeAtMs = now;
  }

  /** The other end seems to be elsewhere: suspect until it replies to the probe that leaves now. */
  doubt(now: number): void {
    this.#doubtedAtMs = now;
    this.nextProbeAtMs = now;
  }

  suspect(now: number): boolean {
    return this.#doubtedAtMs !== Infinity || this.isLate(now, this.#unansweredSinceMs);
  }

  /** When `suspect` next becomes true, if nothing answers. */
  get suspectAtMs(): number {
    return Math.min(this.#doubtedAtMs, this.#unansweredSinceMs + this.#patience(suspectMs) + 1);
  }

  /** Whether what was sent then should have been answered by now. */
  isLate(now: number, sentAtMs: number): boolean {
    return now - sentAtMs > this.#patience(suspectMs);
  }

  dead(now: number): boolean {
    return this.#silentMs(now) > this.#patience(deadMs);
  }

  /** When `dead` may next become true. */
  get judgedAtMs(): number {
    return this.standing ? this.#unansweredSinceMs + this.#patience(deadMs) + 1 : Infinity;
  }

  /** Kept up by probes: a proven path, and a relayed one, which is there from the start. */
  get standing(): boolean {
    return this.proven || (this.route.kind === "relayed" && !this.#buried);
  }

  /** Given up: it has to prove itself anew. */
  bury(): void {
    this.proven = false;
    this.#buried = true;
    this.nextProbeAtMs = Infinity;
    // A relay whose round trip is longer than was thought proves itself by the late reply.
    if (this.everProven) this.#waiting.clear();
    this.#waitingChanged();
  }

  /** Below 0 when no probe waits. */
  #silentMs(now: number): number {
    return now - this.#unansweredSinceMs;
  }

  /** When the oldest probe left that nothing has answered, and that is held against it; `Infinity` when there is none. */
  get #unansweredSinceMs(): number {
    return Math.max(this.#oldestSentAtMs, this.#judgedFromMs);
  }

  /** Asked for each datagram, so that it is not looked up in the map each time. */
  #waitingChanged(): void {
    const [oldest = Infinity] = this.#waiting.values();
    this.#oldestSentAtMs = oldest;
  }

  /** 600 ms or 2 round trips, 1.2 s or 4 round trips. */
  #patience(baseMs: number): number {
    return Math.max(baseMs, (baseMs / (suspectMs / 2)) * (this.rttMs ?? likelyRttMs));
  }

  #forgetLost(now: number): void {
    const lostAfter = 2 * this.#patience(deadMs);
    for (const [id, sentAt] of this.#waiting) {
      if (now - sentAt <= lostAfter && this.#waiting.size < maxWaiting) return;
      this.#waiting.delete(id);
      if (this.proven) this.lossMeter.record(now, true);
    }
  }
}
