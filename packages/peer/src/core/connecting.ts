/**
 * A client's Connect: out on every address family under one transaction id, repeated until the host has answered, the
 * nonce returned as soon as it is known (docs/protocol.md section 5).
 */
import { type Address, type Deadline, equalBytes, sameAddress } from "@fractal-punch/machine";
import {
  type Approach,
  Attribute,
  asciiBytes,
  type Connected,
  decodeConnected,
  ErrorCode,
  encodeConnect,
  errorCodeOf,
  integrityMatches,
  MessageClass,
  type StunMessage,
  type Ticket,
  u64Of,
} from "@fractal-punch/wire";
import { newTransactionId, type Out, type PeerContext, type Sleeper } from "./context.ts";
import type { ConnectFailure } from "./events.ts";
import type { ServerLink } from "./server-link.ts";
import { longestConnectTimeoutMs, longestTimeoutMs, silentConnectMs } from "./timing.ts";

export interface ConnectingOwner {
  /** What to bring to the host; `attempt` counts the sends, from 0. */
  approach(now: number, attempt: number): Approach | undefined;
  /** The server bound a channel; called again only when something changed. */
  introduced(now: number, link: ServerLink, connected: Connected, out: Out): void;
  /** The server's clock is known now; what was sealed with the time before is worth nothing. */
  clockLearned(now: number): void;
  /** It came to nothing. */
  connectFailed(now: number, failure: ConnectFailure, out: Out): void;
}

/** Errors that a later repeat may not meet again. */
const passing: ReadonlySet<number> = new Set([
  ErrorCode.hostNotRegistered,
  ErrorCode.limitReached,
  ErrorCode.serverFull,
  ErrorCode.serverError,
]);

interface Leg {
  readonly link: ServerLink;
  sends: number;
  sentAtMs: number;
  timeoutMs: number;
  nextAtMs: number;
  nonce: Uint8Array | undefined;
  /** When a refusal brought the nonce without which nothing is answered. */
  nonceAskedAtMs: number;
  channel: number | undefined;
  /** Where the server saw it come from. */
  mapped: Address | undefined;
  proven: boolean;
  error: ErrorCode | undefined;
  nonceSends: number;
}

/** The record of an introduction lives for a minute; a nonce that was not taken by then is worth nothing. */
const maxNonceSends = 8;
/** How long the server is asked for its answer once the host's has come. */
const lateAnswerMs = 10_000;

export class Connecting implements Sleeper {
  readonly #context: PeerContext;
  readonly #owner: ConnectingOwner;
  readonly #ticket: Ticket;
  readonly #key: Uint8Array;
  #id: Uint8Array;
  /** When the id was new, or the server answered to it last. */
  #quietSinceMs: number;
  readonly #deadline: Deadline<Sleeper>;
  readonly #legs: Leg[];
  readonly #givesUpAtMs: number;
  #hostAnsweredAtMs = Infinity;
  #clockLearnedAtMs = -Infinity;

  /** `givesUpAtMs`: until when to go on without the host's answer; `Infinity` while a session waits to go on. */
  constructor(
    context: PeerContext,
    owner: ConnectingOwner,
    ticket: Ticket,
    links: readonly ServerLink[],
    now: number,
    givesUpAtMs: number,
  ) {
    this.#context = context;
    this.#owner = owner;
    this.#ticket = ticket;
    this.#key = asciiBytes(ticket.password);
    this.#id = newTransactionId(context);
    this.#deadline = context.deadlines.create(this, "connect");
    this.#givesUpAtMs = givesUpAtMs;
    this.#quietSinceMs = now;
    this.#legs = links.map((link) => ({
      link,
      sends: 0,
      sentAtMs: now,
      timeoutMs: link.timeoutMs,
      nextAtMs: now,
      nonce: undefined,
      nonceAskedAtMs: -Infinity,
      channel: undefined,
      mapped: undefined,
      proven: false,
      error: undefined,
      nonceSends: 0,
    }));
  }

  start(now: number, out: Out): void {
    this.wake(now, "connect", out);
  }

  /** The host has answered: only the server's answer may still be missing, and the nonce is to be returned. */
  finish(now: number): void {
    this.#hostAnsweredAtMs = Math.min(this.#hostAnsweredAtMs, now);
    this.#arm();
  }

  /** Whether the host's answer is still awaited. */
  get waiting(): boolean {
    return this.#hostAnsweredAtMs === Infinity;
  }

  /** Whether the server has answered it on that socket's present address. */
  cameFrom(link: ServerLink): boolean {
    const mapped = this.#legs.find((leg) => leg.link === link)?.mapped;
    return mapped !== undefined && link.mapped !== undefined && sameAddress(mapped, link.mapped);
  }

  stop(): void {
    this.#context.deadlines.clear(this.#deadline);
  }

  /** Takes an answer to this Connect; false when it is none. */
  receive(now: number, link: ServerLink, message: StunMessage, out: Out): boolean {
    if (!equalBytes(message.transactionId, this.#id)) return false;
    const leg = this.#legs.find((each) => each.link === link);
    if (!leg) return false;
    this.#quietSinceMs = now;
    if (leg.sends === 1) link.learnRtt(now - leg.sentAtMs);
    if (message.messageClass === MessageClass.success) this.#succeeded(now, leg, message, out);
    if (message.messageClass === MessageClass.error) this.#refused(now, leg, message, out);
    return true;
  }

  wake(now: number, _reason: string, out: Out): void {
    if (this.waiting && now >= this.#givesUpAtMs) {
      this.#fail(now, this.#impatience(), out);
      return;
    }
    for (const leg of this.#legs) if (leg.nextAtMs <= now) this.#send(now, leg, out);
    this.#arm();
  }

  #succeeded(now: number, leg: Leg, message: StunMessage, out: Out): void {
    const authentic = integrityMatches(this.#context.primitives, this.#key, message);
    const connected = authentic ? decodeConnected(message) : undefined;
    if (!connected) return;
    const first = leg.channel !== connected.channel;
    const returnNonce = !connected.proven && leg.nonce === undefined;
    leg.channel = connected.channel;
    leg.nonce = connected.nonce;
    leg.mapped = connected.mapped;
    leg.error = undefined;
    leg.proven ||= connected.proven;
    if (leg.proven && !this.waiting) leg.nextAtMs = Infinity;
    if (first) this.#owner.introduced(now, leg.link, connected, out);
    leg.link.learn(now, connected.mapped, connected.epoch, out);
    if (returnNonce) this.#sendNonce(now, leg, out);
    this.#arm();
  }

  #refused(now: number, leg: Leg, message: StunMessage, out: Out): void {
    const code = errorCodeOf(message);
    if (code === ErrorCode.staleNonce) {
      leg.nonce = message.value(Attribute.nonce)?.slice();
      return;
    }
    const clockMayJump = code === ErrorCode.timeOff && this.#givesUpAtMs === Infinity;
    if (code === undefined || (leg.channel !== undefined && !clockMayJump)) return;
    // What went out before it was mended, repeats and the other family's too, is refused for the same reason.
    if (now - this.#mendedAtMs(leg, code) < longestTimeoutMs) return;
    const serverMs = u64Of(message, Attribute.time);
    const isNews = clockMayJump || this.#clockLearnedAtMs === -Infinity;
    if (code === ErrorCode.timeOff && serverMs !== undefined && isNews) {
      this.#clockLearnedAtMs = now;
      this.#context.clock.learn(now, serverMs, leg.link.rttMs ?? 0);
      this.#owner.clockLearned(now);
      this.#restart(now, out);
    } else if (code === ErrorCode.unauthenticated && leg.nonce === undefined) {
      // A server with open access wants the address proven first.
      leg.nonce = message.value(Attribute.nonce)?.slice();
      leg.nonceAskedAtMs = now;
      leg.nextAtMs = now;
      this.wake(now, "connect", out);
    } else if (passing.has(code)) {
      leg.error = knownCode(code);
    } else {
      this.#fail(now, { kind: "refused", code: knownCode(code) }, out);
    }
  }

  /** When what an error is about was put right; `-Infinity` when it was not. */
  #mendedAtMs(leg: Leg, code: number): number {
    if (code === ErrorCode.timeOff) return this.#clockLearnedAtMs;
    return code === ErrorCode.unauthenticated ? leg.nonceAskedAtMs : -Infinity;
  }

  #restart(now: number, out: Out): void {
    for (const leg of this.#legs) leg.nextAtMs = now;
    this.wake(now, "connect", out);
  }

  #send(now: number, leg: Leg, out: Out): void {
    if (!this.waiting && leg.channel !== undefined) return this.#sendNonce(now, leg, out);
    if (now - this.#hostAnsweredAtMs >= lateAnswerMs) return this.#giveUp(now, leg, out);
    this.#renewId(now);
    const approach = this.#owner.approach(now, this.waiting ? leg.sends : 0);
    if (approach) this.#encodeAndSend(now, leg, approach, out);
    leg.sends++;
    leg.sentAtMs = now;
    this.#repeatLater(now, leg);
  }

  /** The host's answer came without the server's: where that is so on every leg, there is no relay, and it starts anew. */
  #giveUp(now: number, leg: Leg, out: Out): void {
    leg.nextAtMs = Infinity;
    if (this.#legs.every(({ channel, nextAtMs }) => channel === undefined && nextAtMs === Infinity)) {
      this.#fail(now, { kind: "server-unreachable" }, out);
    }
  }

  /** To the server all that comes from another address under the same id is a replay: a copy, or a NAT that changed its mind. */
  #renewId(now: number): void {
    if (now - this.#quietSinceMs < silentConnectMs) return;
    this.#id = newTransactionId(this.#context);
    this.#quietSinceMs = now;
  }

  /** Returns the nonce, if there is one to return and the server has not taken it yet. */
  #sendNonce(now: number, leg: Leg, out: Out): void {
    if (!this.waiting) leg.nextAtMs = Infinity;
    if (leg.nonce === undefined || leg.proven || leg.nonceSends >= maxNonceSends) return;
    leg.nonceSends++;
    this.#encodeAndSend(now, leg, undefined, out);
    // Until the host has answered, the repeated Connect carries the nonce, too, and keeps to its own time.
    if (!this.waiting) this.#repeatLater(now, leg);
  }

  #repeatLater(now: number, leg: Leg): void {
    leg.nextAtMs = now + leg.timeoutMs;
    const longestMs = this.#givesUpAtMs === Infinity || !this.waiting ? longestTimeoutMs : longestConnectTimeoutMs;
    leg.timeoutMs = Math.max(leg.timeoutMs, Math.min(2 * leg.timeoutMs, longestMs));
  }

  #encodeAndSend(now: number, leg: Leg, approach: Approach | undefined, out: Out): void {
    const request = {
      username: this.#ticket.username,
      timeMs: this.#context.clock.serverMs(now),
      ...(approach && { approach }),
      ...(leg.nonce && { nonce: leg.nonce }),
    };
    const signature = { macs: this.#context.primitives, key: this.#key };
    out.send(leg.link.port, leg.link.server, encodeConnect(this.#context.builder, this.#id, request, signature));
  }

  #impatience(): ConnectFailure {
    if (this.#legs.some((leg) => leg.channel !== undefined)) return { kind: "host-silent" };
    const refused = this.#legs.find((leg) => leg.error !== undefined);
    return refused?.error === undefined ? { kind: "server-unreachable" } : { kind: "refused", code: refused.error };
  }

  #fail(now: number, failure: ConnectFailure, out: Out): void {
    this.stop();
    this.#owner.connectFailed(now, failure, out);
  }

  #arm(): void {
    const patienceEnds = this.waiting ? this.#givesUpAtMs : Infinity;
    const next = Math.min(patienceEnds, ...this.#legs.map((leg) => leg.nextAtMs));
    if (next === Infinity) this.stop();
    else this.#context.deadlines.set(this.#deadline, next);
  }
}

const codes: ReadonlySet<number> = new Set(Object.values(ErrorCode));

/** A code that is not one of ours says no more to us than that the request was bad. */
function knownCode(code: number): ErrorCode {
  return isKnown(code) ? code : ErrorCode.badRequest;
}

function isKnown(code: number): code is ErrorCode {
  return codes.has(code);
}
