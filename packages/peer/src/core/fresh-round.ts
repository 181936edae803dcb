/**
 * The cure of the early packet clash, for one session. A probe that reached a NAT before its inner peer had sent to the
 * same address can make that NAT give the peer's socket another port, towards everybody it has not yet sent to. So both
 * ends take a fresh socket, and nothing reaches a NAT too early: the host sends first, with a time to live that ends
 * behind its own NAT, then it tells its address, and then the client probes it. The client asks for it.
 */
import { type Address, type PortId, sameAddress } from "@fractal-punch/machine";
import type { Frame, Role } from "@fractal-punch/wire";
import type { Out } from "./context.ts";
import type { FreshSocketUser } from "./fresh-sockets.ts";
import { mayBeNamed } from "./own-addresses.ts";
import type { PathKeeper } from "./path-keeper.ts";
import { Repeats } from "./repeats.ts";
import type { Route } from "./route.ts";
import type { ServerLink } from "./server-link.ts";
import { freshSocketAfterMs, freshSocketGapMs, maxFreshSockets } from "./timing.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The least time to live that gets past one NAT; each attempt passes one router more, in case the NAT is behind it. */
const firstTtl = 2;

type FreshFrame = Frame & { readonly kind: "fresh" };

/** The session. */
export interface FreshRoundUser {
  readonly role: Role;
  readonly keeper: PathKeeper;
  /** Opens a fresh socket for this session, if that can be. */
  openFreshSocket(family: 4 | 6, out: Out): void;
  sendFrame(now: number, frame: Frame, out: Out): void;
  /** Sends something over a route which ends after so many routers. */
  sendOpener(now: number, route: Route, ttl: number, out: Out): void;
  settle(now: number, out: Out): void;
}

export class FreshRound implements FreshSocketUser {
  readonly #user: FreshRoundUser;
  readonly #tokens: TokenBucket;
  readonly #repeats = new Repeats();
  /** Counts the client's attempts. */
  #attempt: number | undefined;
  /** This end's fresh socket, once its address is known. */
  #own: { readonly link: ServerLink; readonly mapped: Address } | undefined;
  /** The other end's, once it is named. */
  #remote: Address | undefined;
  /** Whether the host has sent towards the client. */
  #opened = false;

  constructor(user: FreshRoundUser) {
    this.#user = user;
    // The host's clock and the network may bring two attempts of a client closer together.
    const gapMs = user.role === "client" ? freshSocketGapMs : freshSocketGapMs / 2;
    this.#tokens = new TokenBucket(maxFreshSockets, gapMs);
  }

  /** When something is due. */
  get dueAtMs(): number {
    return this.#repeats.dueAtMs;
  }

  /** The client tries fresh sockets, unless it has done so often. */
  begin(now: number, family: 4 | 6, out: Out): void {
    if (!this.#tokens.take(now)) return;
    this.#start(((this.#attempt ?? -1) + 1) % 65_536, undefined);
    this.#user.openFreshSocket(family, out);
  }

  wake(now: number, out: Out): void {
    if (!this.#repeats.take(now, this.#user.keeper.paths.relay?.rttMs)) return;
    const [attempt, own] = [this.#attempt, this.#own];
    if (attempt === undefined || !own) return;
    this.#user.sendFrame(now, { kind: "fresh", attempt, answer: false, address: own.mapped }, out);
  }

  receive(now: number, frame: FreshFrame, out: Out): void {
    if (!mayBeNamed(frame.address)) return;
    if (this.#user.role === "host") this.#receiveQuestion(now, frame, out);
    else this.#receiveAnswer(now, frame);
  }

  // FreshSocketUser

  socketReady(now: number, link: ServerLink, mapped: Address, out: Out): void {
    this.#own = { link, mapped };
    if (this.#user.role === "host") this.#answer(now, out);
    else this.#repeats.start(now);
    this.#user.settle(now, out);
  }

  usesSocket(port: PortId): boolean {
    return this.#user.keeper.paths.all.some(({ route, proven }) => route.port === port && proven);
  }

  socketClosed(port: PortId): void {
    if (this.#own?.link.port === port) this.#own = undefined;
    this.#user.keeper.paths.drop((route) => route.port === port);
  }

  #start(attempt: number, remote: Address | undefined): void {
    this.#attempt = attempt;
    this.#remote = remote;
    this.#own = undefined;
    this.#opened = false;
    this.#repeats.stop();
  }

  #receiveQuestion(now: number, { attempt, answer, address }: FreshFrame, out: Out): void {
    if (answer) return;
    if (attempt === this.#attempt) {
      if (this.#remote && sameAddress(address, this.#remote)) this.#answer(now, out);
      return;
    }
    const isOvertaken = this.#attempt !== undefined && ((attempt - this.#attempt) & 0xffff) >= 0x8000;
    if (isOvertaken || !this.#tokens.take(now)) return;
    this.#start(attempt, address);
    this.#user.openFreshSocket(address.family, out);
  }

  #receiveAnswer(now: number, { attempt, answer, address }: FreshFrame): void {
    const own = this.#own;
    // A second answer could name another address.
    if (!answer || attempt !== this.#attempt || !own || this.#remote || address.family !== own.link.family) return;
    this.#remote = address;
    this.#repeats.stop();
    const { keeper } = this.#user;
    keeper.addNamed(now, { kind: "direct", port: own.link.port, remote: address }, "server-reflexive");
    keeper.expectDirect(now, now + (keeper.paths.relay?.rttMs ?? 0));
  }

  #answer(now: number, out: Out): void {
    const { keeper } = this.#user;
    const [attempt, own, remote] = [this.#attempt, this.#own, this.#remote];
    if (attempt === undefined || !own || !remote) return;
    // Once an attempt: each time would be another three datagrams to an address that only the client names.
    if (!this.#opened) {
      this.#opened = true;
      const route: Route = { kind: "direct", port: own.link.port, remote };
      // By then the client has sent, so that probes that go all the way come to an open NAT.
      keeper.addNamed(now + (keeper.paths.relay?.rttMs ?? freshSocketAfterMs), route, "server-reflexive");
      this.#user.sendOpener(now, route, firstTtl + (attempt % maxFreshSockets), out);
    }
    this.#user.sendFrame(now, { kind: "fresh", attempt, answer: true, address: own.mapped }, out);
  }
}
