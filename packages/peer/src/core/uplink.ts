/**
 * A peer's way to its server: UDP, and TLS beside it once UDP stays silent, until UDP answers again. Nobody else in the
 * peer needs to know: what is for the server is diverted, and what comes over TLS is taken for what its socket received.
 * To the server a peer that changes its way is one whose NAT gave it another address.
 */
import { type Address, type Deadline, type PortId, sameAddress } from "@fractal-punch/machine";
import { datagramKind, encodeBinding } from "@fractal-punch/wire";
import { newTransactionId, type Out, type PeerContext, type Sleeper } from "./context.ts";
import { DivertedOutbox } from "./diverted-outbox.ts";
import type { PathEnds } from "./events.ts";
import type { Route } from "./route.ts";
import type { ServerLink } from "./server-link.ts";
import type { Sockets } from "./sockets.ts";
import {
  firstUdpProbeMs,
  longestUdpProbeMs,
  tlsAfterMs,
  tlsConfirmMs,
  tlsLingerMs,
  tlsRedialMs,
  tlsSilentMs,
  udpSteadyMs,
} from "./timing.ts";
import { type TlsOptions, TlsStream } from "./tls-stream.ts";
import { isRequest, Unanswered } from "./unanswered.ts";

export interface UplinkOwner {
  /** What `link` sends goes another way from now on: the server has to hear from there. */
  wayChanged(now: number, link: ServerLink, out: Out): void;
}

export class Uplink implements Sleeper {
  /** Changes when the server tells a host. */
  tls: TlsOptions | undefined;
  /** Why the last TLS connection could not be opened; `undefined` when it could, or none was wanted. */
  fault: string | undefined;
  readonly #context: PeerContext;
  readonly #owner: UplinkOwner;
  readonly #sockets: Sockets;
  readonly #stream: TlsStream;
  readonly #deadline: Deadline<Sleeper>;
  #outbox: DivertedOutbox | undefined;
  #now = 0;
  /** The socket whose way to the server is, or was last, over TLS. */
  #carried: ServerLink | undefined;
  /** Whether requests go over TLS, and whether the server knows that relayed datagrams do; in between they go both ways. */
  #requestsByTls = false;
  #relayedByTls = false;
  /** Which way the server answered last, for people: while a TLS connection is replaced, UDP is only tried. */
  #answeredByTls = false;
  readonly #unanswered = new Unanswered();
  #tlsAskedAtMs = Infinity;
  #redialAtMs = 0;
  #probeAtMs = Infinity;
  #probeGapMs = firstUdpProbeMs;
  #udpSinceMs = 0;
  #closeAtMs = Infinity;
  #dials = 0;

  constructor(context: PeerContext, owner: UplinkOwner, sockets: Sockets, tls: TlsOptions | undefined, port: PortId) {
    this.#context = context;
    this.#owner = owner;
    this.#sockets = sockets;
    this.tls = tls;
    this.#stream = new TlsStream(port);
    this.#deadline = context.deadlines.create(this, "uplink");
  }

  /** The port of the TLS connection. */
  get port(): PortId {
    return this.#stream.port;
  }

  /** The socket in whose name messages come over TLS. */
  get carried(): ServerLink | undefined {
    return this.#stream.state === "open" ? this.#carried : undefined;
  }

  /** The ends of a route, for people: those of the TLS connection, or of the last, when what is relayed goes over it. */
  endsOf(route: Route, link: ServerLink | undefined): PathEnds {
    const { local, remote } = this.#stream;
    const isByTls = route.kind === "relayed" && this.#answeredByTls && link === this.#carried;
    if (isByTls && remote) return { transport: "tls", local, remote };
    return { transport: "udp", local: this.#sockets.localAddress(route, link), remote: route.remote };
  }

  /** `out`, but for what goes to the server. Every output of the machine leaves through here. */
  through(now: number, out: Out): Out {
    if (this.tls === undefined) return out;
    this.#now = now;
    this.#outbox ??= new DivertedOutbox(out, (port, to, bytes) => this.#divert(port, to, bytes));
    return this.#outbox.to(out);
  }

  /** Something came by UDP: when it answers a request, UDP gets through. */
  heard(now: number, link: ServerLink | undefined, from: Address, bytes: Uint8Array, out: Out): void {
    if (link === undefined || !this.#unanswered.isAnsweredBy(bytes) || !sameAddress(from, link.server)) return;
    this.#unanswered.forget();
    if (this.#requestsByTls) this.#toUdp(now, out);
  }

  /** Takes a piece of the TLS connection; then ask `next` until it gives no more. */
  push(piece: Uint8Array): void {
    if (this.#stream.state !== "open") return;
    this.#tlsAskedAtMs = Infinity;
    this.#stream.push(piece);
  }

  next(now: number, out: Out): Uint8Array | undefined {
    if (this.#stream.state !== "open") return undefined;
    const message = this.#stream.next(out);
    if (message === undefined && this.carried === undefined) this.#streamGone(now, out);
    return message;
  }

  opened(now: number, local: Address, out: Out): void {
    this.#stream.opened(local);
    this.fault = undefined;
    if (this.#unanswered.sinceMs === Infinity) this.#close(out);
    else this.#toTls(now, out);
  }

  failed(now: number, code: string, out: Out): void {
    this.fault = code;
    this.ended(now, out);
  }

  /** The far end closed it, or is gone. */
  ended(now: number, out: Out): void {
    this.#stream.close(out);
    this.#streamGone(now, out);
  }

  /** The server has heard from the way that requests take now. */
  settled(now: number): void {
    this.#relayedByTls = this.#answeredByTls = this.#requestsByTls;
    if (this.#requestsByTls) return;
    for (const link of this.#sockets.links) link.blocked = false;
    if (this.#stream.state === "open") this.#closeAtMs = Math.min(this.#closeAtMs, now + tlsLingerMs);
    this.#arm();
  }

  /** This machine's network is another one, which may let UDP pass. */
  networkChanged(now: number): void {
    this.#probeGapMs = firstUdpProbeMs;
    if (this.#requestsByTls) this.#probeAtMs = now;
    this.#arm();
  }

  /** The server is elsewhere now, or the machine stops. */
  close(out: Out): void {
    this.#unanswered.forget();
    for (const link of this.#sockets.links) link.blocked = false;
    this.#answeredByTls = false;
    this.#close(out);
  }

  wake(now: number, _reason: string, out: Out): void {
    if (now >= this.#closeAtMs) this.#close(out);
    if (now >= this.#tlsAskedAtMs + tlsSilentMs) this.ended(now, out);
    if (now >= this.#silentAtMs) this.#afterSilence(now, out);
    if (now >= this.#probeAtMs) this.#probe(now, out);
    this.#arm();
  }

  /** When UDP has been silent for long enough to do something about it. */
  get #silentAtMs(): number {
    const { state } = this.#stream;
    if (this.#requestsByTls || state === "dialling") return Infinity;
    return Math.max(this.#unanswered.sinceMs + tlsAfterMs, state === "closed" ? this.#redialAtMs : 0);
  }

  #divert(port: PortId, to: Address, bytes: Uint8Array): boolean {
    const kind = datagramKind(bytes);
    const isRelayed = kind === "channel-data";
    if (!isRelayed && kind !== "stun") return false;
    const link = this.#sockets.link(port);
    if (link === undefined || !sameAddress(to, link.server)) return false;
    const byTls = link === this.#carried && (this.#requestsByTls || (isRelayed && this.#relayedByTls));
    if (isRequest(bytes)) this.#noteRequest(link, bytes, byTls);
    if (byTls && this.#outbox) this.#stream.send(bytes, this.#outbox.inner);
    const isBetween = isRelayed && this.#requestsByTls !== this.#relayedByTls;
    return byTls && !isBetween;
  }

  #noteRequest(link: ServerLink, bytes: Uint8Array, byTls: boolean): void {
    if (byTls) this.#tlsAskedAtMs = Math.min(this.#tlsAskedAtMs, this.#now);
    else this.#unanswered.note(this.#now, link.port, bytes);
    this.#arm();
  }

  /** One family's silence is not UDP's: the other's socket asks, too, before there is TLS. */
  #afterSilence(now: number, out: Out): void {
    const links = this.#sockets.links.filter(({ local }) => local !== undefined);
    const unasked = links.filter(({ port }) => !this.#unanswered.isOn(port));
    if (unasked.length > 0) {
      this.#unanswered.sinceMs = now + tlsConfirmMs - tlsAfterMs;
      for (const link of unasked) this.#ask(now, link, out);
      return;
    }
    if (this.#stream.state === "open") return this.#toTls(now, out);
    this.#redialAtMs = now + tlsRedialMs;
    const link = links[this.#dials++ % links.length];
    if (link === undefined || this.tls === undefined) return;
    this.#carried = link;
    this.#stream.dial(link.server, this.tls, out);
  }

  #toTls(now: number, out: Out): void {
    this.#requestsByTls = true;
    this.#closeAtMs = Infinity;
    if (now - this.#udpSinceMs >= udpSteadyMs) this.#probeGapMs = firstUdpProbeMs;
    this.#probeAtMs = now + this.#probeGapMs;
    for (const link of this.#sockets.links) link.blocked = true;
    if (this.#carried) this.#owner.wayChanged(now, this.#carried, out);
    this.#arm();
  }

  #toUdp(now: number, out: Out): void {
    this.#requestsByTls = false;
    this.#tlsAskedAtMs = Infinity;
    this.#probeAtMs = Infinity;
    this.#udpSinceMs = now;
    if (this.#carried) this.#owner.wayChanged(now, this.#carried, out);
    this.#arm();
  }

  /** Requests go by UDP again, which shows whether that gets through now; else TLS is dialled anew. */
  #streamGone(now: number, out: Out): void {
    const carried = this.#requestsByTls ? this.#carried : undefined;
    this.#close(out);
    if (carried) this.#owner.wayChanged(now, carried, out);
  }

  #close(out: Out): void {
    this.#stream.close(out);
    this.#requestsByTls = false;
    this.#relayedByTls = false;
    this.#tlsAskedAtMs = Infinity;
    this.#probeAtMs = Infinity;
    this.#closeAtMs = Infinity;
    this.#arm();
  }

  /** Asks by UDP, beside the requests that go over TLS. */
  #probe(now: number, out: Out): void {
    this.#probeGapMs = Math.min(2 * this.#probeGapMs, longestUdpProbeMs);
    this.#probeAtMs = now + this.#probeGapMs;
    for (const link of this.#sockets.links) this.#ask(now, link, out);
  }

  #ask(now: number, link: ServerLink, out: Out): void {
    const bytes = encodeBinding(this.#context.builder, newTransactionId(this.#context), false);
    this.#unanswered.note(now, link.port, bytes);
    (this.#outbox?.inner ?? out).send(link.port, link.server, bytes);
  }

  #arm(): void {
    const dueAt = Math.min(this.#silentAtMs, this.#tlsAskedAtMs + tlsSilentMs, this.#probeAtMs, this.#closeAtMs);
    this.#context.deadlines.set(this.#deadline, dueAt);
  }
}
