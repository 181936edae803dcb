/**
 * How large a packet the direct path in use takes: the search of RFC 8899 for one session, in the direction that this end
 * sends in. Its padded probes go beside the path's own, which stay small, so whether they are lost says nothing else of it.
 */
import { maxPayloadBytes } from "@fractal-punch/wire";
import type { Path } from "./path.ts";
import { mtuCheckMs, mtuRaiseMs, mtuTryGapMs } from "./timing.ts";

/** Of networks that are met: Ethernet, PPPoE, WireGuard, mobile networks and VPNs in them, and IPv6's least. */
const mtus = [1500, 1492, 1420, 1380, 1280];
const headerBytes = { 4: 28, 6: 48 };
/** RFC 8899 section 5.1.2: MAX_PROBES. */
const maxTries = 3;

export class MtuSearch {
  /** What the path is proven to take, of UDP's payload. */
  limitBytes: number = maxPayloadBytes;
  /** Set when a packet was sent that only a proven path takes. */
  isUsed = false;
  #path: Path | undefined;
  /** The path that the failures are of. */
  #known: Path | undefined;
  /** The smallest size that failed there. */
  #failedBytes = Infinity;
  #raiseAtMs = Infinity;
  /** What is tried now; 0 when nothing is. */
  #triedBytes = 0;
  /** The ids of its probes. */
  #tries: number[] = [];
  #lastTryAtMs = -Infinity;
  #provenAtMs = -Infinity;

  /** The path that takes packets of `limitBytes`. */
  get path(): Path | undefined {
    return this.#path;
  }

  get isRaised(): boolean {
    return this.limitBytes > maxPayloadBytes;
  }

  /** The direct path that datagrams take and that nobody doubts; `undefined` when there is none. For another nothing is proven. */
  follow(path: Path | undefined): void {
    if (path === this.#path) return;
    this.#path = path;
    this.limitBytes = maxPayloadBytes;
    this.isUsed = false;
    this.#begin(0);
    if (path === undefined || path === this.#known) return;
    this.#known = path;
    this.#failedBytes = Infinity;
    this.#raiseAtMs = Infinity;
  }

  /** For one more probe, of number `id`, that may leave now: its size, of UDP's payload; 0 when none is to. */
  nextBytes(now: number, id: number): number {
    const path = this.#path;
    if (!path || now - this.#lastTryAtMs < mtuTryGapMs) return 0;
    if (this.#tries.length === maxTries) {
      if (!path.isLate(now, this.#lastTryAtMs)) return 0;
      this.#failed(now);
    }
    if (this.#triedBytes === 0) this.#begin(this.#choice(now, path.route.remote.family));
    if (this.#triedBytes === 0) return 0;
    this.#tries.push(id);
    this.#lastTryAtMs = now;
    return this.#triedBytes;
  }

  /** A reply came by `path`; whether it is to one of these probes. */
  replied(now: number, path: Path, id: number): boolean {
    if (path !== this.#path || !this.#tries.includes(id)) return false;
    this.limitBytes = this.#triedBytes;
    this.#provenAtMs = now;
    this.#begin(0);
    return true;
  }

  /** The largest first, which mostly fits. What is proven goes before what is hoped for. */
  #choice(now: number, family: 4 | 6): number {
    if (this.isRaised && this.isUsed && now - this.#provenAtMs >= mtuCheckMs) {
      this.isUsed = false;
      return this.limitBytes;
    }
    if (now >= this.#raiseAtMs) {
      this.#raiseAtMs = Infinity;
      this.#failedBytes = Infinity;
    }
    for (const mtu of mtus) {
      const bytes = mtu - headerBytes[family];
      if (bytes < this.#failedBytes) return bytes > this.limitBytes ? bytes : 0;
    }
    return 0;
  }

  #begin(bytes: number): void {
    this.#triedBytes = bytes;
    this.#tries = [];
  }

  /** Of what was proven that is a black hole (section 4.3): until smaller ones are proven again, nothing large is sent. */
  #failed(now: number): void {
    if (this.#triedBytes === this.limitBytes) this.limitBytes = maxPayloadBytes;
    this.#failedBytes = this.#triedBytes;
    this.#raiseAtMs = now + mtuRaiseMs;
    this.#begin(0);
  }
}
