/**
 * The encrypted association of one client and one host, the same machine at both ends. It outlives its paths: it seals
 * and opens, answers what the other end asks, and says why it is direct or relayed.
 */
import type { Deadline } from "@fractal-punch/machine";
import {
  type Candidate,
  type CloseReason,
  dataOverhead,
  decodeFrame,
  encodeFrame,
  encodePaddedProbe,
  type Frame,
  maxDatagramBytes,
  maxPayloadBytes,
  type NatProfile,
  type Role,
  type SealedHeader,
  sealedOverhead,
  unknownProfile,
  type VerdictReason,
} from "@fractal-punch/wire";
import type { Out, PeerContext, Sleeper } from "./context.ts";
import type { PathEnds, PathStatus, SessionStatus } from "./events.ts";
import { FreshRound, type FreshRoundUser } from "./fresh-round.ts";
import { KeyRing } from "./key-ring.ts";
import type { KeyPair } from "./noise.ts";
import type { Path } from "./path.ts";
import { PathKeeper, type PathUser } from "./path-keeper.ts";
import { framed, type Route, sendOn } from "./route.ts";
import { dataIn, type SessionKeys } from "./session-keys.ts";
import type { SessionTable } from "./session-table.ts";
import { forgetMs } from "./timing.ts";
import { type Reporter, sendReport, triedPaths, verdictReason } from "./verdict.ts";

/** The machine that a session lives in. */
export interface SessionOwner {
  readonly ownKeys: KeyPair;
  ownCandidates(): readonly Candidate[];
  ownProfile(): NatProfile;
  /** For people. */
  endsOf(route: Route): PathEnds;
  /** The other end's candidates are known, or may now all be probed. */
  probeNamed(now: number, session: Session, out: Out): void;
  /** There is no relayed path that works, or the keys are too old. */
  relayLost(now: number, out: Out): void;
  /** Opens a fresh socket for the direct path of this session, if that can be. */
  openFreshSocket(session: Session, family: 4 | 6, out: Out): void;
  /** How verdicts are told to the server; `undefined` while they cannot be. */
  reporter(): Reporter | undefined;
  /** A datagram that was to be sent came to nothing. */
  dropped(reason: "too-large"): void;
  ended(now: number, session: Session, out: Out): void;
}

/** What a client does for its session, and a host cannot: it is the client that introduces itself. */
export interface ClientSide {
  /** A knock, while there are no keys yet. */
  knock(): Uint8Array | undefined;
  /** Keys are there, and nothing came directly for 300 ms: perhaps the early packet clash. */
  directOverdue(now: number, out: Out): void;
  /** The host took the resume. */
  resumed(now: number, out: Out): void;
}

const maxHeld = 16;

export interface SessionOptions {
  readonly id: number;
  /** The other end's static public key. */
  readonly remoteKey: Uint8Array;
  /** At the client's end only. */
  readonly clientSide?: ClientSide;
}

export class Session implements Sleeper, PathUser, FreshRoundUser {
  readonly id: number;
  readonly role: Role;
  readonly remoteKey: Uint8Array;
  readonly keeper: PathKeeper;
  readonly keys: KeyRing;
  readonly fresh: FreshRound;
  remoteProfile: NatProfile = unknownProfile;
  /** The other end's candidates, as it named them last. */
  namedCandidates: readonly Candidate[] = [];
  startedAtMs: number;
  reason: VerdictReason = "trying";
  closed = false;
  /** Kept as it is compared: a sum of fractions of ms less its summand need not be the other one. */
  #forgetAtMs: number;
  #lastPath: Path | undefined;
  #lastTransport: PathEnds["transport"] | undefined;
  /** The largest datagram of the application that can be sent, as it was told last. */
  #limitBytes = maxDatagramBytes;
  /** Datagrams from before the first path: the keys may come directly, before the server's word on channel and address. */
  readonly #held: Uint8Array[] = [];
  readonly #context: PeerContext;
  readonly #owner: SessionOwner;
  readonly #clientSide: ClientSide | undefined;
  readonly #deadline: Deadline<Sleeper>;

  constructor(context: PeerContext, table: SessionTable, owner: SessionOwner, options: SessionOptions, now: number) {
    this.#context = context;
    this.#owner = owner;
    this.#clientSide = options.clientSide;
    this.id = options.id;
    this.role = options.clientSide ? "client" : "host";
    this.remoteKey = options.remoteKey;
    this.keeper = new PathKeeper(this, this.role, context.can.dontFragment, now);
    this.keys = new KeyRing(context, table, this, owner.ownKeys);
    this.fresh = new FreshRound(this);
    this.startedAtMs = now;
    this.#forgetAtMs = now + forgetMs;
    this.#deadline = context.deadlines.create(this, "session");
  }

  /** At the host's end: whether the client has shown, by an authenticated packet, that it has the latest handshake's keys. */
  get confirmed(): boolean {
    return this.keys.offered === undefined;
  }

  get established(): boolean {
    return this.keys.current !== undefined;
  }

  get status(): SessionStatus {
    return {
      path: this.#pathStatus,
      reason: this.reason,
      tried: triedPaths(this, (route) => this.#owner.endsOf(route).remote),
    };
  }

  /** It begins now, though it may have been made before. */
  begin(now: number): void {
    this.startedAtMs = now;
    this.#forgetAtMs = now + forgetMs;
    this.keeper.atWork(now);
  }

  /**
   * First keys, or new ones after a full Connect that went on with this session. `second`: at the host's end, the packet
   * with its message, which the client needs to have them.
   */
  establish(now: number, keys: SessionKeys, out: Out, second?: Uint8Array): void {
    if (second) this.keys.offer(now, keys, second);
    else this.keys.install(now, keys);
    this.#forgetAtMs = now + forgetMs;
    this.keeper.established(now);
    this.settle(now, out);
  }

  learnCandidates(profile: NatProfile, candidates: readonly Candidate[]): void {
    this.remoteProfile = profile;
    this.namedCandidates = candidates;
  }

  addRelay(now: number, route: Route, out: Out): Path {
    const path = this.keeper.addRelay(now, route, this.established);
    this.settle(now, out);
    return path;
  }

  /** Holds a round now: our candidates go out, and all direct paths are tried. */
  beginRound(now: number, out: Out): void {
    this.keeper.beginRound(now);
    this.settle(now, out);
  }

  /** A sealed packet for these keys; false when it is forged, replayed or too old. */
  receive(now: number, keys: SessionKeys, bytes: Uint8Array, header: SealedHeader, route: Route, out: Out): boolean {
    const wasConfirmed = this.confirmed;
    const opened = this.#open(now, keys, bytes, header);
    if (!opened) return false;
    const path = this.keeper.heard(now, route);
    const firstTime = this.confirmed && !wasConfirmed;
    const data = dataIn(opened);
    if (data) this.#receiveData(now, data, route, out);
    else this.#receiveFrame(now, decodeFrame(opened), route, path, out);
    if (firstTime) this.#owner.probeNamed(now, this, out);
    // A datagram of the application changes nothing that the deadline or the choice of path depends on.
    if (firstTime || !data) this.settle(now, out);
    return true;
  }

  /** Opens a sealed packet out of an Introduce; false when it is no resume of this session. */
  resume(now: number, keys: SessionKeys, bytes: Uint8Array, header: SealedHeader): boolean {
    const opened = this.#open(now, keys, bytes, header);
    return opened !== undefined && decodeFrame(opened)?.kind === "resume";
  }

  /** Sends one datagram of the application; dropped when there are no keys that may seal. */
  send(now: number, data: Uint8Array, out: Out): void {
    const restart = this.#atWork(now, out);
    const packet = this.keys.sealing(now)?.sealData(data, this.#context.packets);
    if (!packet) return this.relayLost(now, out);
    if (packet.length > maxPayloadBytes) return this.#sendLarge(packet, out);
    const ways = this.keeper.paths.forDatagram(now, restart);
    if (ways.length > 0) this.keeper.send(packet, ways, out);
    else if (!this.#lastPath && this.#held.length < maxHeld) this.#held.push(packet.slice());
  }

  /** Sends a frame over the paths that a datagram would take in doubt. */
  sendFrame(now: number, frame: Frame, out: Out): void {
    this.keeper.send(this.#sealed(now, frame), this.keeper.paths.forDatagram(now, true), out);
  }

  sendFrameOn(now: number, route: Route, frame: Frame, out: Out): void {
    const packet = this.#sealed(now, frame);
    if (packet) sendOn(route, packet, out);
  }

  /** Says goodbye over every path that stands or that a datagram would take, and is gone. */
  close(now: number, reason: CloseReason, out: Out): void {
    if (this.closed) return;
    const { paths } = this.keeper;
    const ways = new Set([...paths.all.filter(({ standing }) => standing), ...paths.forDatagram(now, true)]);
    this.keeper.send(this.#sealed(now, { kind: "close", reason }), [...ways], out);
    this.#end(now, reason, false, out);
  }

  wake(now: number, _reason: string, out: Out): void {
    if (now >= this.#forgetAtMs) {
      this.#end(now, "lost", false, out);
      return;
    }
    this.keeper.wake(now, out);
    this.fresh.wake(now, out);
    const expired = this.keys.wake(now, (frame) => this.sendFrame(now, frame, out));
    if (expired) this.relayLost(now, out);
    this.settle(now, out);
  }

  /** After anything happened to paths or keys: choose the path, tell what is new, and arm the deadline. */
  settle(now: number, out: Out): void {
    if (this.closed) return;
    this.keeper.choose(now);
    const { current } = this.keeper.paths;
    const path = this.established ? this.#pathStatus : undefined;
    if (path && (this.#lastPath !== current || this.#lastTransport !== path.transport)) {
      this.#lastPath = current;
      this.#lastTransport = path.transport;
      out.emit({ type: "path", session: this.id, path });
      for (const packet of this.#held.splice(0))
        this.keeper.send(packet, this.keeper.paths.forDatagram(now, true), out);
    }
    this.#tellLimit(out);
    this.#judge(now, out);
    const dueAt = Math.min(this.#forgetAtMs, this.keys.dueAtMs, this.keeper.dueAtMs, this.fresh.dueAtMs);
    this.#context.deadlines.set(this.#deadline, Math.max(dueAt, now));
  }

  // PathUser

  probePacket(now: number, path: Path, id: number): Uint8Array | undefined {
    // Without the keys the other end could not read a probe, but the lost message is what it waits for.
    if (this.keys.offered && path.route.kind === "relayed") return this.keys.offered;
    if (this.established) return this.#sealed(now, { kind: "probe", id });
    const knock = path.route.kind === "direct" ? this.#clientSide?.knock() : undefined;
    return knock && framed(knock);
  }

  paddedProbe(now: number, id: number, lengthBytes: number): Uint8Array | undefined {
    const frame = encodePaddedProbe(id, lengthBytes - sealedOverhead);
    return this.keys.sealing(now)?.seal(frame, this.#context.packets);
  }

  sendCandidates(now: number, round: number, out: Out): void {
    this.sendFrame(now, this.#candidatesFrame(round, false), out);
  }

  relayLost(now: number, out: Out): void {
    this.#owner.relayLost(now, out);
  }

  directOverdue(now: number, out: Out): void {
    this.#clientSide?.directOverdue(now, out);
  }

  // FreshRoundUser

  openFreshSocket(family: 4 | 6, out: Out): void {
    this.#owner.openFreshSocket(this, family, out);
  }

  sendOpener(now: number, route: Route, ttl: number, out: Out): void {
    const packet = this.#sealed(now, { kind: "nothing" });
    const path = this.keeper.paths.find(route);
    if (packet && path?.spend()) sendOn(route, packet, out, { ttl });
  }

  get #pathStatus(): PathStatus | undefined {
    const path = this.keeper.paths.current;
    if (!path) return undefined;
    const { route, rttMs } = path;
    return { kind: route.kind, ...this.#owner.endsOf(route), rttMs };
  }

  /** The path that took so much may have gone silent since the application asked. */
  #sendLarge(packet: Uint8Array, out: Out): void {
    if (!this.keeper.sendLarge(packet, out)) this.#owner.dropped("too-large");
  }

  #tellLimit(out: Out): void {
    const { isRaised, limitBytes } = this.keeper.mtu;
    const bytes = isRaised ? limitBytes - dataOverhead : maxDatagramBytes;
    if (bytes === this.#limitBytes) return;
    this.#limitBytes = bytes;
    out.emit({ type: "limit", session: this.id, maxDatagramBytes: bytes });
  }

  #judge(now: number, out: Out): void {
    const own = this.#owner.ownProfile();
    const reason = verdictReason(this, own, now);
    if (reason === this.reason) return;
    this.reason = reason;
    const reporter = this.#owner.reporter();
    if (reporter) sendReport(this.#context, reporter, this, own, out);
  }

  #open(now: number, keys: SessionKeys, bytes: Uint8Array, header: SealedHeader): Uint8Array | undefined {
    const frame = keys.open(bytes, header);
    if (!frame) return undefined;
    this.keys.used(now, keys);
    this.#forgetAtMs = now + forgetMs;
    return frame;
  }

  #sealed(now: number, frame: Frame): Uint8Array | undefined {
    return this.keys.sealing(now)?.seal(encodeFrame(frame), this.#context.packets);
  }

  /** True when the application was idle before: then paths are probed again at once. */
  #atWork(now: number, out: Out): boolean {
    const restart = this.keeper.atWork(now);
    if (restart) this.settle(now, out);
    return restart;
  }

  /** Lets everything go, without a word. */
  #end(now: number, reason: CloseReason | "lost", byPeer: boolean, out: Out): void {
    if (this.closed) return;
    this.closed = true;
    this.keys.clear();
    this.#context.deadlines.clear(this.#deadline);
    this.#owner.ended(now, this, out);
    out.emit({ type: "closed", session: this.id, reason, byPeer });
  }

  #receiveData(now: number, data: Uint8Array, route: Route, out: Out): void {
    this.#atWork(now, out);
    out.emit({ type: "data", session: this.id, data, via: route.kind, early: false });
  }

  #receiveFrame(now: number, frame: Frame | undefined, route: Route, path: Path | undefined, out: Out): void {
    switch (frame?.kind) {
      case "probe":
        this.sendFrameOn(now, route, { kind: "probe-reply", id: frame.id, seen: route.remote }, out);
        if (path && !path.proven && path.nextProbeAtMs === Infinity) path.tryAt(now);
        return;
      case "probe-reply":
        if (path) this.keeper.replied(now, path, frame.id);
        return;
      case "candidates":
        this.#receiveCandidates(now, frame, out);
        return;
      case "fresh":
        this.fresh.receive(now, frame, out);
        return;
      case "rekey-first":
      case "rekey-second":
        this.keys.receive(now, frame, (answer) => this.sendFrame(now, answer, out));
        return;
      case "close":
        this.#end(now, frame.reason, true, out);
        return;
      case "resumed":
        this.#clientSide?.resumed(now, out);
        return;
      case "data":
      case "nothing":
      case "resume":
      case undefined:
    }
  }

  #receiveCandidates(now: number, frame: Frame & { kind: "candidates" }, out: Out): void {
    const { rounds } = this.keeper;
    if (frame.answer) {
      if (rounds.takesAnswer(frame.round)) this.#learnNamed(now, frame, out);
      if (rounds.answered(frame.round)) this.keeper.tryAll(now);
      return;
    }
    this.sendFrame(now, this.#candidatesFrame(frame.round, true), out);
    if (!rounds.joins(now, frame.round)) return;
    this.keeper.paths.direct?.doubt(now);
    this.#learnNamed(now, frame, out);
    this.keeper.tryAll(now);
  }

  #learnNamed(now: number, { profile, candidates }: Frame & { kind: "candidates" }, out: Out): void {
    this.learnCandidates(profile, candidates);
    this.keeper.forgetUnnamed(candidates.map(({ address }) => address));
    this.#owner.probeNamed(now, this, out);
  }

  #candidatesFrame(round: number, answer: boolean): Frame {
    const profile = this.#owner.ownProfile();
    return { kind: "candidates", round, answer, profile, candidates: this.#owner.ownCandidates() };
  }
}
