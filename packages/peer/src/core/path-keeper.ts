/**
 * Keeps the paths of one session: adds, probes, judges and buries them, and holds rounds for new ones. What travels over
 * them is the session's business.
 */
import { type Address, type SendOptions, sameAddress, sameIp } from "@fractal-punch/machine";
import { type CandidateKind, channelHeaderBytes, type Role } from "@fractal-punch/wire";
import type { Out } from "./context.ts";
import { MtuSearch } from "./mtu-search.ts";
import { Path } from "./path.ts";
import { Paths } from "./paths.ts";
import { Rounds } from "./rounds.ts";
import { type RelayedRoute, type Route, sendOn } from "./route.ts";
import { activeMs, freshSocketAfterMs, unprovenAllowance } from "./timing.ts";

/** What a keeper asks of its session. */
export interface PathUser {
  /** A probe for this path: sealed, or a knock before there are keys; `undefined` when none can be made. */
  probePacket(now: number, path: Path, id: number): Uint8Array | undefined;
  /** A sealed probe of so many bytes, by which a path shows that it takes them. */
  paddedProbe(now: number, id: number, lengthBytes: number): Uint8Array | undefined;
  sendCandidates(now: number, round: number, out: Out): void;
  /** The last relayed path was given up. */
  relayLost(now: number, out: Out): void;
  /** Nothing came directly for 300 ms, although it should have. */
  directOverdue(now: number, out: Out): void;
}

/**
 * Of everything that goes over a path whose MTU is proven: it takes that, and a driver does better with datagrams in a row
 * that leave alike.
 */
const whole: SendOptions = Object.freeze({ dontFragment: true });

export class PathKeeper {
  readonly paths: Paths = new Paths();
  readonly mtu: MtuSearch = new MtuSearch();
  readonly rounds: Rounds = new Rounds();
  /** When the first direct path was proven. */
  firstDirectAtMs: number | undefined;
  readonly #user: PathUser;
  readonly #role: Role;
  /** Whether the driver can keep datagrams from being fragmented; without that no MTU is proven. */
  readonly #canSendWhole: boolean;
  #lastDataAtMs: number;
  #overdueAtMs = Infinity;
  #expectedSinceMs = Infinity;
  #probeId = 0;
  #relayRttMs: number | undefined;

  constructor(user: PathUser, role: Role, canSendWhole: boolean, now: number) {
    this.#user = user;
    this.#role = role;
    this.#canSendWhole = canSendWhole;
    this.#lastDataAtMs = now;
  }

  /** When something is due. */
  get dueAtMs(): number {
    let dueAt = Math.min(this.rounds.dueAtMs, this.#overdueAtMs);
    for (const path of this.paths.all) dueAt = Math.min(dueAt, path.nextProbeAtMs, path.judgedAtMs);
    return this.mtu.isRaised ? Math.min(dueAt, this.mtu.path?.suspectAtMs ?? Infinity) : dueAt;
  }

  /** Keys are there: everything is probed, sealed from now on. */
  established(now: number): void {
    this.#lastDataAtMs = now;
    for (const path of this.paths.all) if (path.standing) path.nextProbeAtMs = now;
    if (this.#role === "host") return;
    this.expectDirect(now);
    this.rounds.schedule(now, false);
    this.tryAll(now);
  }

  /** The application sends or received; true when it was idle before. */
  atWork(now: number): boolean {
    const idle = !this.#active(now);
    this.#lastDataAtMs = now;
    if (!idle) return false;
    for (const path of this.paths.all) path.wakeUp(now);
    this.rounds.hurry(now);
    return true;
  }

  addRelay(now: number, route: Route, established: boolean): Path {
    const known = this.paths.find(route);
    if (known) return known;
    const path = new Path(route, "relayed", Infinity, false);
    // Another channel leads the same way.
    path.rttMs = this.#relayRttMs;
    if (established) path.nextProbeAtMs = now;
    this.paths.add(path);
    return path;
  }

  /** An address that the server saw; `proven`: its owner has shown itself there, to the server or to us. */
  addSeen(now: number, route: Route, candidate: CandidateKind, proven: boolean): Path {
    const path = this.#direct(route, candidate, proven ? Infinity : unprovenAllowance, false);
    if (proven) {
      path.allowance = Infinity;
      path.tryAt(now);
    } else {
      path.expect(now);
    }
    return path;
  }

  /** An address that the peer named, tried from `now` on. It gets a few probes in each round, and nothing else until it answers. */
  addNamed(now: number, route: Route, candidate: CandidateKind): Path {
    const path = this.#direct(route, candidate, unprovenAllowance, true);
    path.allowance = Math.max(path.allowance, unprovenAllowance);
    path.tryAt(now);
    return path;
  }

  /** What the peer names no longer, and never answered, is not tried again. */
  forgetUnnamed(named: readonly Address[]): void {
    const gone = this.paths.all.filter(
      (path) =>
        path.named && path.heardAtMs === -Infinity && !named.some((address) => sameAddress(address, path.route.remote)),
    );
    const routes = new Set(gone.map(({ route }) => route));
    this.paths.drop((route) => routes.has(route));
  }

  /** Something authentic came by this route: notes it, and gives the path, a new one when the source was not known. */
  heard(now: number, route: Route): Path | undefined {
    const path = route.kind === "relayed" ? this.#relayed(now, route) : this.#reflexive(route);
    path?.heard(now);
    return path;
  }

  replied(now: number, path: Path, id: number): void {
    if (this.mtu.replied(now, path, id) || !path.replied(now, id, this.#active(now))) return;
    if (path.route.kind === "relayed") {
      this.#relayRttMs = path.rttMs;
      return;
    }
    this.firstDirectAtMs ??= now;
  }

  /** Asks `directOverdue` of the user unless something comes directly from now until 300 ms after `fromMs`. */
  expectDirect(now: number, fromMs: number = now): void {
    this.#expectedSinceMs = now;
    this.#overdueAtMs = fromMs + freshSocketAfterMs;
  }

  /** The other end starts to probe when our candidates arrive, half a round trip from now; so do we. */
  beginRound(now: number): void {
    this.rounds.begin(now, (this.paths.relay?.rttMs ?? Infinity) / 2);
    if (this.#role === "client" && !this.paths.direct) this.expectDirect(now, now + (this.paths.relay?.rttMs ?? 0));
  }

  /** Tries all direct paths that are not proven. */
  tryAll(now: number): void {
    for (const path of this.paths.all) {
      const isSomeones = path.named || path.heardAtMs > -Infinity;
      if (isSomeones) path.allowance = Math.max(path.allowance, unprovenAllowance);
      path.tryAt(now);
    }
  }

  /** Chooses the path anew, after anything was learnt. */
  choose(now: number): void {
    this.paths.choose();
    if (this.paths.direct) this.rounds.unschedule();
    if (!this.#canSendWhole) return;
    const { current } = this.paths;
    // Datagrams that take two ways at once have to fit both.
    this.mtu.follow(current?.route.kind === "direct" && !current.suspect(now) ? current : undefined);
  }

  /** Sends a packet, behind room for a channel's header, over these paths as far as they allow. */
  send(packet: Uint8Array | undefined, paths: readonly Path[], out: Out): void {
    if (!packet) return;
    for (const path of paths) {
      if (path.spend())
        sendOn(path.route, packet, out, this.mtu.isRaised && path === this.mtu.path ? whole : undefined);
    }
  }

  /** Sends a packet that only a path takes whose MTU is proven: over that one; false when there is none. */
  sendLarge(packet: Uint8Array, out: Out): boolean {
    const { path, limitBytes } = this.mtu;
    if (!path || packet.length - channelHeaderBytes > limitBytes) return false;
    this.mtu.isUsed = true;
    sendOn(path.route, packet, out, whole);
    return true;
  }

  wake(now: number, out: Out): void {
    this.#judge(now, out);
    if (this.rounds.takeScheduled(now, now - this.#lastDataAtMs)) this.beginRound(now);
    if (this.rounds.takeRepeat(now, this.paths.relay?.rttMs)) this.#user.sendCandidates(now, this.rounds.round, out);
    if (this.rounds.takeProbing(now)) this.tryAll(now);
    for (const path of this.paths.all) if (path.nextProbeAtMs <= now) this.#probe(now, path, out);
    if (now >= this.#overdueAtMs) this.#checkOverdue(now, out);
  }

  /** The addresses that the server or the peer's own datagrams showed, as opposed to those it named. */
  get seenAddresses(): Address[] {
    return this.paths.all.filter(({ named }) => !named).map(({ route }) => route.remote);
  }

  /**
   * A channel on which a host hears its client, and which it does not know: the server moved it, when the host's way there
   * changed, or an older introduction that came late took its place.
   */
  #relayed(now: number, route: RelayedRoute): Path | undefined {
    const { all, relay } = this.paths;
    const isMoved = all.some((path) => path.route.kind === "relayed" && path.route.channel === route.channel);
    const isWanted = isMoved || relay?.standing !== true;
    return this.#role === "host" && isWanted ? this.addRelay(now, route, true) : this.paths.find(route);
  }

  #reflexive(route: Route): Path {
    return this.#direct(route, "peer-reflexive", unprovenAllowance, false);
  }

  #active(now: number): boolean {
    return now - this.#lastDataAtMs <= activeMs;
  }

  #direct(route: Route, candidate: CandidateKind, allowance: number, named: boolean): Path {
    const known = this.paths.find(route);
    if (known) return known;
    // Another socket or port does not change what the network between the two loses.
    const sibling = this.paths.all.find(
      (path) => path.route.kind === "direct" && sameIp(path.route.remote, route.remote),
    );
    const path = new Path(route, candidate, allowance, named, sibling?.lossMeter);
    this.paths.add(path);
    return path;
  }

  #probe(now: number, path: Path, out: Out): void {
    const id = this.#newProbeId();
    const packet = this.#user.probePacket(now, path, id);
    path.probed(now, id, this.#active(now));
    this.send(packet, [path], out);
    if (path === this.mtu.path && this.#active(now)) this.#probeMtu(now, path, out);
  }

  #probeMtu(now: number, path: Path, out: Out): void {
    const id = this.#newProbeId();
    const lengthBytes = this.mtu.nextBytes(now, id);
    const packet = lengthBytes === 0 ? undefined : this.#user.paddedProbe(now, id, lengthBytes);
    if (packet) sendOn(path.route, packet, out, whole);
  }

  #newProbeId(): number {
    return this.#probeId++ % 0x1_0000_0000;
  }

  #judge(now: number, out: Out): void {
    for (const path of this.paths.all) {
      if (!path.standing || !path.dead(now)) continue;
      const wasDirect = path === this.paths.direct;
      path.bury();
      this.paths.choose();
      if (wasDirect && !this.paths.direct && this.#role === "client") this.rounds.schedule(now, true);
      if (path.route.kind === "relayed" && !this.paths.relay?.standing) this.#user.relayLost(now, out);
    }
  }

  #checkOverdue(now: number, out: Out): void {
    this.#overdueAtMs = Infinity;
    const { relay } = this.paths;
    if (relay?.standing && relay.rttMs === undefined) {
      // Over a line that slow nothing is overdue yet.
      this.#overdueAtMs = now + freshSocketAfterMs;
      return;
    }
    const since = this.#expectedSinceMs;
    const heard = this.paths.all.some((path) => path.route.kind === "direct" && path.heardAtMs >= since);
    if (!heard && !this.paths.direct && this.#active(now)) this.#user.directOverdue(now, out);
  }
}
