/**
 * The encrypted association of one client and one host, the same machine at both ends. It outlives its paths: it
 * probes them, sends over the best, and says why it is direct or relayed.
 */
import type { Address, Deadline } from "@fractal-punch/machine";
import {
  type Candidate,
  type CandidateKind,
  type CloseReason,
  decodeFrame,
  encodeFrame,
  type Frame,
  type NatProfile,
  type Role,
  type SealedHeader,
  unknownProfile,
  type VerdictReason,
} from "@fractal-punch/wire";
import type { Out, PeerContext, Sleeper } from "./context.ts";
import type { PathStatus } from "./events.ts";
import { KeyRing } from "./key-ring.ts";
import type { KeyPair } from "./noise.ts";
import { Path } from "./path.ts";
import { Paths } from "./paths.ts";
import { Rounds } from "./rounds.ts";
import { framed, type Route, sendOn } from "./route.ts";
import type { SessionKeys } from "./session-keys.ts";
import type { SessionTable } from "./session-table.ts";
import { activeMs, forgetMs, freshSocketAfterMs, unprovenAllowance } from "./timing.ts";
import { verdictReason } from "./verdict.ts";

/** The machine that a session lives in. */
export interface SessionOwner {
  readonly ownKeys: KeyPair;
  ownCandidates(): readonly Candidate[];
  ownProfile(): NatProfile;
  /** The local address of a port, for people. */
  localAddress(route: Route): Address | undefined;
  /** A knock, while the client has no keys yet. */
  knock(): Uint8Array | undefined;
  /** There is no relayed path that works, or the keys are too old: the client introduces itself anew. */
  relayLost(now: number, session: Session, out: Out): void;
  /** Keys are there, and nothing came directly for 300 ms: perhaps the early packet clash. Asked of a client only. */
  directOverdue(now: number, session: Session, out: Out): void;
  /** The other end's candidates are known, or may now all be probed. */
  probeNamed(now: number, session: Session, out: Out): void;
  /** The host took the resume. */
  resumed(now: number, session: Session, out: Out): void;
  /** The verdict is another one. */
  verdictChanged(now: number, session: Session, reason: VerdictReason, out: Out): void;
  ended(now: number, session: Session, out: Out): void;
}

export interface SessionOptions {
  readonly id: number;
  readonly role: Role;
  readonly remoteKey: Uint8Array;
}

export class Session implements Sleeper {
  readonly id: number;
  readonly role: Role;
  /** The other end's static public key. */
  readonly remoteKey: Uint8Array;
  readonly paths: Paths = new Paths();
  readonly rounds: Rounds = new Rounds();
  readonly keys: KeyRing;
  remoteProfile: NatProfile = unknownProfile;
  startedAtMs: number;
  firstDirectAtMs: number | undefined;
  /** Whether the other end has shown that it has the keys, by an authenticated packet. */
  confirmed = false;
  #named: readonly Candidate[] = [];
  #lastHeardAtMs: number;
  #lastDataAtMs: number;
  #overdueAtMs = Infinity;
  #lastPath: Path | undefined;
  #lastReason: VerdictReason = "trying";
  #probeId = 0;
  /** The other end's round that was answered last; its repeats are answered too, but start nothing. */
  #answeredRound: number | undefined;
  #closed = false;
  readonly #context: PeerContext;
  readonly #owner: SessionOwner;
  readonly #deadline: Deadline<Sleeper>;

  constructor(context: PeerContext, table: SessionTable, owner: SessionOwner, options: SessionOptions, now: number) {
    this.#context = context;
    this.#owner = owner;
    this.id = options.id;
    this.role = options.role;
    this.remoteKey = options.remoteKey;
    this.keys = new KeyRing(context, table, this, owner.ownKeys);
    this.startedAtMs = now;
    this.#lastHeardAtMs = now;
    this.#lastDataAtMs = now;
    this.#deadline = context.deadlines.create(this, "session");
  }

  get established(): boolean {
    return this.keys.current !== undefined;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The session begins now, though it may have been made before. */
  begin(now: number): void {
    this.startedAtMs = now;
    this.#lastHeardAtMs = now;
    this.#lastDataAtMs = now;
  }

  /** First keys, or new ones after a full Connect that went on with this session. */
  establish(now: number, keys: SessionKeys, out: Out): void {
    this.keys.install(now, keys);
    this.#lastHeardAtMs = now;
    this.#lastDataAtMs = now;
    for (const path of this.paths.all) if (path.standing) path.nextProbeAtMs = now;
    if (this.role === "client") {
      this.expectDirect(now);
      this.rounds.schedule(now, false);
      this.tryPaths(now, out);
    }
    this.#settle(now, out);
  }

  /** Asks `directOverdue` of the owner unless something comes directly in 300 ms. */
  expectDirect(now: number): void {
    this.#overdueAtMs = now + freshSocketAfterMs;
  }

  addRelay(now: number, route: Route, out: Out): Path {
    const known = this.paths.find(route);
    if (known) return known;
    const path = new Path(route, "relayed", Infinity, false);
    if (this.established) path.nextProbeAtMs = now;
    this.paths.add(path);
    this.#settle(now, out);
    return path;
  }

  /** An address that the server saw; `proven`: its owner has shown itself there, to the server or to us. */
  addSeen(now: number, route: Route, candidate: CandidateKind, proven: boolean, out: Out): Path {
    const path = this.#directPath(route, candidate, proven ? Infinity : unprovenAllowance, false);
    if (proven) {
      path.allowance = Infinity;
      path.tryAt(now);
    } else {
      path.expect(now);
    }
    this.#settle(now, out);
    return path;
  }

  /** An address that the peer named. It gets a few probes in each round, and nothing else until it answers. */
  addNamed(now: number, route: Route, candidate: CandidateKind, out: Out): void {
    this.#directPath(route, candidate, unprovenAllowance, true).tryAt(now);
    this.#settle(now, out);
  }

  /** The other end's candidates, of which `routesTo` makes routes; kept for later sockets. */
  learnCandidates(profile: NatProfile, candidates: readonly Candidate[]): void {
    this.remoteProfile = profile;
    this.#named = candidates;
  }

  get namedCandidates(): readonly Candidate[] {
    return this.#named;
  }

  /** Holds a round now: our candidates go out, and all direct paths are tried. */
  beginRound(now: number, out: Out): void {
    this.rounds.begin(now, this.paths.relay?.rttMs);
    this.#settle(now, out);
  }

  /** Tries all direct paths that are not proven. */
  tryPaths(now: number, out: Out): void {
    for (const path of this.paths.all) {
      if (path.named && path.heardAtMs === -Infinity) path.allowance = unprovenAllowance;
      path.tryAt(now);
    }
    this.#settle(now, out);
  }

  /** A sealed packet for these keys; false when it is forged, replayed or too old. */
  receive(now: number, keys: SessionKeys, bytes: Uint8Array, header: SealedHeader, route: Route, out: Out): boolean {
    const plain = keys.open(bytes, header);
    if (plain === undefined) return false;
    this.keys.used(now, keys);
    this.#lastHeardAtMs = now;
    const path = this.#pathOf(route);
    path?.heard(now);
    const firstTime = !this.confirmed;
    this.confirmed = true;
    const frame = decodeFrame(plain);
    if (frame) this.#receiveFrame(now, frame, plain, route, path, out);
    if (firstTime && this.role === "host") this.#owner.probeNamed(now, this, out);
    this.#settle(now, out);
    return true;
  }

  /** Opens a sealed packet out of an Introduce; false when it is no resume of this session. */
  resume(now: number, keys: SessionKeys, bytes: Uint8Array, header: SealedHeader): boolean {
    const plain = keys.open(bytes, header);
    if (plain === undefined || decodeFrame(plain)?.kind !== "resume") return false;
    this.keys.used(now, keys);
    this.#lastHeardAtMs = now;
    return true;
  }

  /** An authentic datagram other than a sealed packet came by this route. */
  heardOn(now: number, route: Route): void {
    this.#pathOf(route)?.heard(now);
  }

  /** Sends one datagram of the application; dropped when there are no keys that may seal. */
  send(now: number, data: Uint8Array, out: Out): void {
    const restart = now - this.#lastDataAtMs > activeMs;
    this.#atWork(now);
    const keys = this.keys.sealing(now);
    if (!keys) {
      this.#owner.relayLost(now, this, out);
      return;
    }
    this.sendPacket(keys.seal(encodeFrame({ kind: "data", data })), this.paths.forDatagram(now, restart), out);
    this.#settle(now, out);
  }

  /** Sends a frame over the paths that a datagram would take. */
  sendFrame(now: number, frame: Frame, out: Out): void {
    this.sendPacket(this.keys.sealing(now)?.seal(encodeFrame(frame)), this.paths.forDatagram(now, true), out);
  }

  sendFrameOn(now: number, route: Route, frame: Frame, out: Out): void {
    const packet = this.keys.sealing(now)?.seal(encodeFrame(frame));
    if (packet) sendOn(route, packet, out);
  }

  /** Says goodbye over every path that stands, and is gone. */
  close(now: number, reason: CloseReason, out: Out): void {
    if (this.#closed) return;
    const packet = this.keys.sealing(now)?.seal(encodeFrame({ kind: "close", reason }));
    this.sendPacket(
      packet,
      this.paths.all.filter((path) => path.standing),
      out,
    );
    this.#end(now, reason, false, out);
  }

  get reason(): VerdictReason {
    return this.#lastReason;
  }

  get status(): PathStatus | undefined {
    const path = this.paths.current;
    if (!path) return undefined;
    const { route, rttMs } = path;
    return { kind: route.kind, local: this.#owner.localAddress(route), remote: route.remote, rttMs };
  }

  wake(now: number, _reason: string, out: Out): void {
    if (now - this.#lastHeardAtMs >= forgetMs) {
      this.#end(now, "lost", false, out);
      return;
    }
    this.#judgePaths(now, out);
    this.#holdRounds(now, out);
    for (const path of this.paths.all) if (path.nextProbeAtMs <= now) this.#probe(now, path, out);
    if (now >= this.#overdueAtMs) this.#checkOverdue(now, out);
    const expired = this.keys.wake(now, (frame) => this.sendFrame(now, frame, out));
    if (expired) this.#owner.relayLost(now, this, out);
    this.#settle(now, out);
  }

  /** Lets everything go, without a word. */
  #end(now: number, reason: CloseReason | "lost", byPeer: boolean, out: Out): void {
    if (this.#closed) return;
    this.#closed = true;
    this.keys.clear();
    this.#context.deadlines.clear(this.#deadline);
    this.#owner.ended(now, this, out);
    out.emit({ type: "closed", session: this.id, reason, byPeer });
  }

  #receiveFrame(now: number, frame: Frame, plain: Uint8Array, route: Route, path: Path | undefined, out: Out): void {
    switch (frame.kind) {
      case "data":
        this.#atWork(now);
        out.emit({ type: "data", session: this.id, data: plain.subarray(1), via: route.kind, early: false });
        return;
      case "probe":
        this.sendFrameOn(now, route, { kind: "probe-reply", id: frame.id, seen: route.remote }, out);
        if (path && !path.proven && !path.trying(now)) path.tryAt(now);
        return;
      case "probe-reply":
        if (path?.replied(now, frame.id, this.#active(now)) && route.kind === "direct") this.firstDirectAtMs ??= now;
        return;
      case "candidates":
        this.#receiveCandidates(now, frame, out);
        return;
      case "rekey-first":
      case "rekey-second":
        this.keys.receive(now, frame, (answer) => this.sendFrame(now, answer, out));
        return;
      case "close":
        this.#end(now, frame.reason, true, out);
        return;
      case "resumed":
        this.#owner.resumed(now, this, out);
        return;
      case "nothing":
      case "resume":
    }
  }

  #receiveCandidates(now: number, frame: Frame & { kind: "candidates" }, out: Out): void {
    this.learnCandidates(frame.profile, frame.candidates);
    this.#owner.probeNamed(now, this, out);
    if (!frame.answer) {
      this.sendFrame(now, this.#candidatesFrame(frame.round, true), out);
      if (this.#answeredRound !== frame.round) this.tryPaths(now, out);
      this.#answeredRound = frame.round;
    } else if (this.rounds.answered(frame.round)) {
      this.tryPaths(now, out);
    }
  }

  #candidatesFrame(round: number, answer: boolean): Frame {
    return {
      kind: "candidates",
      round,
      answer,
      profile: this.#owner.ownProfile(),
      candidates: this.#owner.ownCandidates(),
    };
  }

  #directPath(route: Route, candidate: CandidateKind, allowance: number, named: boolean): Path {
    const known = this.paths.find(route);
    if (known) return known;
    const path = new Path(route, candidate, allowance, named);
    this.paths.add(path);
    return path;
  }

  /** The path by which an authentic packet came; a new direct one when its source was not known. */
  #pathOf(route: Route): Path | undefined {
    if (route.kind === "relayed") return this.paths.find(route);
    return this.#directPath(route, "peer-reflexive", Infinity, false);
  }

  #probe(now: number, path: Path, out: Out): void {
    const id = this.#probeId++ % 0x1_0000_0000;
    const packet = this.established
      ? this.keys.sealing(now)?.seal(encodeFrame({ kind: "probe", id }))
      : this.#framedKnock(path);
    path.probed(now, id, this.#active(now));
    this.sendPacket(packet, [path], out);
  }

  #framedKnock(path: Path): Uint8Array | undefined {
    const knock = path.route.kind === "direct" ? this.#owner.knock() : undefined;
    return knock && framed(knock);
  }

  /** Sends a packet, behind room for a channel's header, over these paths as far as they allow. */
  sendPacket(packet: Uint8Array | undefined, paths: readonly Path[], out: Out): void {
    if (!packet) return;
    for (const path of paths) {
      if (path.allowance <= 0) continue;
      path.allowance--;
      sendOn(path.route, packet, out);
    }
  }

  #judgePaths(now: number, out: Out): void {
    for (const path of this.paths.all) {
      if (!path.standing || !path.dead(now)) continue;
      const wasDirect = path === this.paths.direct;
      path.bury();
      this.paths.choose();
      if (wasDirect && !this.paths.direct && this.role === "client") this.rounds.schedule(now, true);
      if (path.route.kind === "relayed" && !this.paths.relay?.standing) this.#owner.relayLost(now, this, out);
    }
  }

  #holdRounds(now: number, out: Out): void {
    if (this.rounds.takeScheduled(now, now - this.#lastDataAtMs)) this.rounds.begin(now, this.paths.relay?.rttMs);
    if (this.rounds.takeRepeat(now)) this.sendFrame(now, this.#candidatesFrame(this.rounds.round, false), out);
    if (this.rounds.takeProbing(now)) this.tryPaths(now, out);
  }

  #checkOverdue(now: number, out: Out): void {
    this.#overdueAtMs = Infinity;
    const heardDirectly = this.paths.all.some((path) => path.route.kind === "direct" && path.heardAtMs > -Infinity);
    if (this.role === "client" && !heardDirectly) this.#owner.directOverdue(now, this, out);
  }

  #active(now: number): boolean {
    return now - this.#lastDataAtMs <= activeMs;
  }

  #atWork(now: number): void {
    if (!this.#active(now)) {
      for (const path of this.paths.all) path.wakeUp(now);
      this.rounds.hurry(now);
    }
    this.#lastDataAtMs = now;
  }

  /** After anything happened: choose the path, tell if it is another, and arm the deadline. */
  #settle(now: number, out: Out): void {
    if (this.#closed) return;
    this.paths.choose();
    if (this.paths.direct) this.rounds.unschedule();
    const current = this.paths.current;
    if (this.established && current && this.#lastPath !== current) {
      this.#lastPath = current;
      const path = this.status;
      if (path) out.emit({ type: "path", session: this.id, path });
    }
    const reason = verdictReason(this, this.#owner.ownProfile(), now);
    if (reason !== this.#lastReason) {
      this.#lastReason = reason;
      this.#owner.verdictChanged(now, this, reason, out);
    }
    let dueAt = Math.min(this.#lastHeardAtMs + forgetMs, this.rounds.dueAtMs, this.keys.dueAtMs, this.#overdueAtMs);
    for (const path of this.paths.all) dueAt = Math.min(dueAt, path.nextProbeAtMs, path.judgedAtMs);
    this.#context.deadlines.set(this.#deadline, Math.max(dueAt, now));
  }
}
