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
  #lossy = false;

  get all(): readonly Path[] {
    return this.#all;
  }

  find(route: Route): Path | undefined {
    return this.#all.find((path) => sameRoute(path.route, route));
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
    const relays = this.#all.filter(isRelayed);
    return relays.findLast(({ proven }) => proven) ?? relays.findLast(({ standing }) => standing) ?? relays.at(-1);
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
  }

  /** The paths that a datagram of the application leaves on; `restart`: the first one after the application was idle. */
  forDatagram(now: number, restart: boolean): Path[] {
    const direct = this.current === this.#direct ? this.#direct : undefined;
    if (direct && !restart && !direct.suspect(now)) return [direct];
    const ways = [direct ?? (this.#lossy ? undefined : this.#hopeful(now)), this.relay];
    return ways.filter((path) => path !== undefined);
  }

  /** The unproven direct path that most likely works: where something authentic came from last, else what is tried now. */
  #hopeful(now: number): Path | undefined {
    const usable = this.#all.filter((path) => path.route.kind === "direct" && path.carriesData && path.trying(now));
    const heard = usable.filter((path) => path.heardAtMs > -Infinity);
    heard.sort((a, b) => b.heardAtMs - a.heardAtMs);
    return heard[0] ?? usable.find(({ near }) => near) ?? usable[0];
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
  }
}

function faster(path: Path, than: Path): boolean {
  if (path === than || path.rttMs === undefined || than.rttMs === undefined) return false;
  return path.rttMs < than.rttMs * fasterShare && path.rttMs < than.rttMs - fasterMs;
}

function isRelayed({ route }: Path): boolean {
  return route.kind === "relayed";
}
