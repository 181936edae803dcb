/**
 * The paths of one session, and the choice among them: by proof, then loss, then round trip, with hysteresis. Relayed
 * first, direct as soon as proven, both while in doubt.
 */
import type { Path } from "./path.ts";
import { type Route, sameRoute } from "./route.ts";
import { maxPaths } from "./timing.ts";

/**
 * A direct path loses to the relay when it loses this share of probes more, and wins again below the lower one. The
 * difference must also be one that chance does not make: where both go over a bad line, it makes large ones.
 */
const lossyAbove = 0.1;
const lossyBelow = 0.03;
const standardErrors = 3;
/** A direct path takes over from another when its round trip is shorter by this share, and by this much. */
const fasterShare = 0.8;
const fasterMs = 5;

export class Paths {
  #all: Path[] = [];
  #direct: Path | undefined;
  /** The direct path by itself: what nearly all datagrams take. */
  #alone: readonly Path[] = [];
  #lossy = false;
  /** The path that was asked for last. */
  #found: Path | undefined;

  get all(): readonly Path[] {
    return this.#all;
  }

  find(route: Route): Path | undefined {
    // What comes, comes the same way as what came before, which need not be the path that this end uses.
    if (this.#found && sameRoute(this.#found.route, route)) return this.#found;
    this.#found = this.#all.find((path) => sameRoute(path.route, route));
    return this.#found;
  }

  /** Adds a path; when there are too many, the oldest unproven direct one goes, or, if there is none, the new one. */
  add(path: Path): void {
    if (this.#all.length >= maxPaths) {
      const oldest = this.#all.find((other) => other.route.kind === "direct" && !other.proven);
      if (oldest === undefined) return;
      this.#remove(oldest);
    }
    this.#all.push(path);
  }

  /** Takes out what `unwanted` names: paths of a socket that was closed, or of a channel that is no more. */
  drop(unwanted: (route: Route) => boolean): void {
    for (const path of this.#all.filter(({ route }) => unwanted(route))) this.#remove(path);
  }

  /** The proven direct path in use; `undefined` when there is none. */
  get direct(): Path | undefined {
    return this.#direct;
  }

  /** The newest proven relayed path, or the newest one that was not given up, or the newest one. */
  get relay(): Path | undefined {
    return this.#all.findLast(isProvenRelay) ?? this.#all.findLast(isStandingRelay) ?? this.#all.findLast(isRelay);
  }

  /** Whether the direct path is there, but loses so much more than the relay that the relay is better. */
  get lossy(): boolean {
    return this.#lossy;
  }

  /** The path that datagrams take, apart from doubts. */
  get current(): Path | undefined {
    return this.#lossy ? (this.relay ?? this.#direct) : (this.#direct ?? this.relay);
  }

  /** Chooses anew, after something was learnt of a path. */
  choose(): void {
    const proven = this.#all.filter((path) => path.route.kind === "direct" && path.proven);
    if (this.#direct && !proven.includes(this.#direct)) this.#direct = undefined;
    for (const path of proven) if (!this.#direct || faster(path, this.#direct)) this.#direct = path;
    this.#lossy = this.#isLossy();
    if (this.#direct !== this.#alone[0]) this.#alone = this.#direct ? [this.#direct] : [];
  }

  /** The paths that a datagram of the application leaves on; `restart`: the first one after the application was idle. */
  forDatagram(now: number, restart: boolean): readonly Path[] {
    const direct = this.#lossy && this.relay ? undefined : this.#direct;
    if (direct && !restart && !direct.suspect(now)) return this.#alone;
    const { relay } = this;
    const other = direct ?? (this.#lossy ? undefined : this.#hopeful(now));
    if (!other) return relay ? [relay] : [];
    return relay ? [other, relay] : [other];
  }

  /** The unproven direct path that most likely works: where something authentic came from last, else what is tried now. */
  #hopeful(now: number): Path | undefined {
    let best: Path | undefined;
    for (const path of this.#all) {
      const isUsable = path.route.kind === "direct" && path.carriesData && path.trying(now);
      if (isUsable && (!best || likelier(path, best))) best = path;
    }
    return best;
  }

  #isLossy(): boolean {
    const { relay } = this;
    if (!this.#direct || !relay?.proven) return false;
    const direct = this.#direct.lossMeter;
    const relayed = relay.lossMeter;
    if (this.#lossy) {
      if (direct.recentRatio - relayed.recentRatio > lossyBelow) return true;
      // What it lost before it got better is not held against it.
      direct.forget();
      return false;
    }
    const more = direct.ratio - relayed.ratio;
    return more > lossyAbove && more > standardErrors * Math.sqrt(direct.variance + relayed.variance);
  }

  #remove(path: Path): void {
    this.#all = this.#all.filter((other) => other !== path);
    if (this.#direct === path) this.#direct = undefined;
    if (this.#found === path) this.#found = undefined;
  }
}

function faster(path: Path, than: Path): boolean {
  if (path === than || path.rttMs === undefined || than.rttMs === undefined) return false;
  return path.rttMs < than.rttMs * fasterShare && path.rttMs < than.rttMs - fasterMs;
}

function likelier(path: Path, than: Path): boolean {
  if (path.heardAtMs !== than.heardAtMs) return path.heardAtMs > than.heardAtMs;
  return path.heardAtMs === -Infinity && path.near && !than.near;
}

function isRelay({ route }: Path): boolean {
  return route.kind === "relayed";
}

function isStandingRelay(path: Path): boolean {
  return isRelay(path) && path.standing;
}

function isProvenRelay(path: Path): boolean {
  return isRelay(path) && path.proven;
}
