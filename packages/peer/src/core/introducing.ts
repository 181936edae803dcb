/**
 * How a client comes to its host, and comes back: the first Connect with its handshake, and later ones that resume the
 * session, or go on with it under new keys when resuming gets no answer.
 */
import type { Deadline } from "@fractal-punch/machine";
import {
  type Approach,
  type Connected,
  channelHeaderBytes,
  encodeFrame,
  maxEarlyDataBytes,
  type StunMessage,
  type Ticket,
} from "@fractal-punch/wire";
import { Connecting, type ConnectingOwner } from "./connecting.ts";
import type { Out, PeerContext, Sleeper } from "./context.ts";
import type { ConnectFailure } from "./events.ts";
import type { KeyPair } from "./noise.ts";
import { type HostInvite, Opening } from "./opening.ts";
import type { Route } from "./route.ts";
import type { ServerLink } from "./server-link.ts";
import type { Session } from "./session.ts";
import { SessionKeys } from "./session-keys.ts";
import type { SessionTable } from "./session-table.ts";
import type { Sockets } from "./sockets.ts";
import { connectPatienceMs, longestTimeoutMs } from "./timing.ts";

/** How many resumes go unanswered before the client introduces itself with a new handshake. */
const maxResumes = 3;
/** A session that the server would not introduce again asks once more after this. */
const retryMs = 10_000;
/** Coming back may take long, and a host refuses a first message whose time is minutes off. */
const openingLifeMs = 60_000;

export interface IntroducingOwner {
  /** The server has bound a channel, and tells the host's server-seen addresses. */
  introduced(now: number, link: ServerLink, connected: Connected, out: Out): void;
  /** The host took the handshake; for the first time, or for a session that goes on. */
  connected(now: number, keys: SessionKeys, earlyDataTaken: boolean, again: boolean, out: Out): void;
  /** The first Connect came to nothing. */
  failed(now: number, failure: ConnectFailure, out: Out): void;
}

export interface IntroducingOptions {
  readonly keyPair: KeyPair;
  readonly invite: HostInvite;
  readonly ticket: Ticket;
  readonly earlyData?: Uint8Array;
}

export class Introducing implements ConnectingOwner, Sleeper {
  readonly #context: PeerContext;
  readonly #options: IntroducingOptions;
  readonly #owner: IntroducingOwner;
  readonly #table: SessionTable;
  readonly #sockets: Sockets;
  readonly #session: Session;
  #opening: Opening | undefined;
  #openedAtMs = -Infinity;
  #connecting: Connecting | undefined;
  /** Of the first Connect, by whatever ways it goes. */
  #givesUpAtMs: number | undefined;
  /** Whether the host has ever answered. */
  #established = false;
  readonly #retry: Deadline<Sleeper>;

  constructor(
    context: PeerContext,
    owner: IntroducingOwner,
    options: IntroducingOptions,
    parts: { table: SessionTable; sockets: Sockets; session: Session },
  ) {
    this.#context = context;
    this.#owner = owner;
    this.#options = options;
    this.#table = parts.table;
    this.#sockets = parts.sockets;
    this.#session = parts.session;
    this.#retry = context.deadlines.create(this, "introduce");
  }

  /** Starts anew, whatever was under way. */
  connect(now: number, out: Out): void {
    this.stop();
    if (this.#established) this.#opening = undefined;
    this.#givesUpAtMs ??= now + connectPatienceMs;
    const givesUpAtMs = this.#established ? Infinity : this.#givesUpAtMs;
    const { links } = this.#sockets;
    this.#connecting = new Connecting(this.#context, this, this.#options.ticket, links, now, givesUpAtMs);
    this.#connecting.start(now, out);
  }

  /** Introduces itself anew for a session that goes on; does nothing while that is under way. */
  reconnect(now: number, out: Out): void {
    const waiting = this.#connecting?.waiting || this.#retry.dueAt !== Infinity;
    if (this.#established && !waiting) this.connect(now, out);
  }

  /** The server is reached another way: what it heard before came from another address. */
  wayChanged(now: number, out: Out): void {
    if (this.#connecting !== undefined || this.#established) this.connect(now, out);
  }

  /** A socket's address is another one. What is under way from the old address is dropped as a replay by the server. */
  moved(now: number, link: ServerLink, out: Out): void {
    if (this.#established && !this.#connecting?.cameFrom(link)) this.connect(now, out);
  }

  wake(now: number, _reason: string, out: Out): void {
    this.connect(now, out);
  }

  stop(): void {
    this.#connecting?.stop();
    this.#connecting = undefined;
    this.#context.deadlines.clear(this.#retry);
  }

  knock(): Uint8Array | undefined {
    return this.#opening?.knock();
  }

  /** The host took the resume. */
  resumed(now: number): void {
    this.#connecting?.finish(now);
  }

  /** Takes an answer of the server; false when it is none to a Connect of ours. */
  receive(now: number, link: ServerLink, message: StunMessage, out: Out): boolean {
    return this.#connecting?.receive(now, link, message, out) ?? false;
  }

  /** Takes a second message, if it is one that answers our first. */
  receiveSecond(now: number, route: Route, bytes: Uint8Array, out: Out): void {
    const opening = this.#opening;
    const read = opening?.read(bytes);
    if (!opening || !read) return;
    const { payload, keys } = read;
    if (payload.refusal !== undefined) {
      this.connectFailed(now, { kind: "host-refused", refusal: payload.refusal }, out);
      return;
    }
    const again = this.#established;
    this.#established = true;
    this.#opening = undefined;
    this.#session.learnCandidates(payload.profile, payload.candidates);
    // It may come before the server's answer that names its channel.
    if (route.kind === "relayed") this.#session.addRelay(now, route, out);
    const path = this.#session.keeper.heard(now, route);
    if (path && route.kind === "direct" && this.#sockets.own.isNear(route.remote, [])) {
      path.near = true;
      path.expect(now);
    }
    const sessionKeys = new SessionKeys(this.#context.primitives, keys, opening.index, payload.index, now);
    this.#owner.connected(now, sessionKeys, payload.earlyDataTaken, again, out);
    this.#connecting?.finish(now);
  }

  // ConnectingOwner

  approach(now: number, attempt: number): Approach | undefined {
    const keys = this.#session.keys.sealing(now);
    if (keys && attempt < maxResumes) {
      const frame = encodeFrame({ kind: "resume", timeMs: this.#context.clock.serverMs(now) });
      return { kind: "resume", packet: keys.seal(frame, this.#context.packets).subarray(channelHeaderBytes) };
    }
    if (now - this.#openedAtMs >= openingLifeMs) this.#opening = undefined;
    this.#opening ??= this.#newOpening(now);
    return this.#opening && { kind: "first", message: this.#opening.message };
  }

  introduced(now: number, link: ServerLink, connected: Connected, out: Out): void {
    this.#owner.introduced(now, link, connected, out);
  }

  clockLearned(now: number): void {
    this.#opening = this.#newOpening(now);
  }

  connectFailed(now: number, failure: ConnectFailure, out: Out): void {
    this.stop();
    const gapMs = failure.kind === "server-unreachable" ? longestTimeoutMs : retryMs;
    if (this.#established) this.#context.deadlines.set(this.#retry, now + gapMs);
    else this.#owner.failed(now, failure, out);
  }

  #newOpening(now: number): Opening | undefined {
    const { keyPair, invite, earlyData } = this.#options;
    this.#openedAtMs = now;
    const fits = !this.#established && earlyData !== undefined && earlyData.length <= maxEarlyDataBytes;
    return Opening.to(this.#context, keyPair, invite, {
      index: this.#table.newIndex(),
      timeMs: this.#context.clock.serverMs(now),
      profile: this.#sockets.profile(),
      candidates: this.#sockets.candidates(),
      earlyData: fits ? earlyData : undefined,
      continues: this.#session.keys.current?.remoteIndex,
    });
  }
}
