/** The client: reaches one host by an invite, and keeps its session, whatever happens to addresses and server. */
import {
  type Address,
  type DatagramInfo,
  type DriverCommand,
  type Machine,
  type PeerPrimitives,
  type PortId,
  type Random,
  sameAddress,
} from "@fractal-punch/machine";
import {
  asciiBytes,
  type Candidate,
  type Connected,
  channelOf,
  MessageClass,
  Method,
  type NatProfile,
  StunMessage,
  type Ticket,
} from "@fractal-punch/wire";
import { newContext, type Out, type PeerAbilities, type PeerContext, wakeDue } from "./context.ts";
import type { ConnectFailure, PathEnds, PeerCommand, PeerEvent, SessionStatus } from "./events.ts";
import { FreshSockets } from "./fresh-sockets.ts";
import { Inbound } from "./inbound.ts";
import { Introducing, type IntroducingOwner } from "./introducing.ts";
import type { KeyPair } from "./noise.ts";
import type { HostInvite } from "./opening.ts";
import { mayBeNamed } from "./own-addresses.ts";
import type { Route } from "./route.ts";
import type { LinkOwner, ServerLink } from "./server-link.ts";
import { type ClientSide, Session, type SessionOwner } from "./session.ts";
import type { SessionKeys } from "./session-keys.ts";
import { SessionTable } from "./session-table.ts";
import { Sockets } from "./sockets.ts";
import type { TlsOptions } from "./tls-stream.ts";
import { Uplink, type UplinkOwner } from "./uplink.ts";
import type { Reporter } from "./verdict.ts";

export interface ClientOptions {
  readonly primitives: PeerPrimitives;
  readonly random: Random;
  /** What the driver can that it will run on. */
  readonly can: PeerAbilities;
  readonly keyPair: KeyPair;
  readonly invite: HostInvite;
  readonly ticket: Ticket;
  /** The server's addresses, at most one for each family. */
  readonly servers: readonly Address[];
  /** The server's second port. */
  readonly secondPort: number;
  /** Tried when UDP does not reach the server. */
  readonly tls?: TlsOptions;
  /**
   * The application's first datagram, at most `maxDatagramBytes`. It goes inside the first message when it has at most
   * `maxEarlyDataBytes`; what the host does not take is sent again as data.
   */
  readonly earlyData?: Uint8Array;
}

/** The only session of a client has this number. */
export const clientSession = 1;

export class Client
  implements Machine<PeerCommand, PeerEvent>, IntroducingOwner, LinkOwner, UplinkOwner, SessionOwner, ClientSide
{
  readonly #context: PeerContext;
  readonly #options: ClientOptions;
  readonly #inbound: Inbound;
  readonly #sockets = new Sockets();
  readonly #uplink: Uplink;
  readonly #fresh: FreshSockets;
  readonly #session: Session;
  readonly #introducing: Introducing;
  /** The host's server-seen addresses. */
  #hostAddresses: readonly Address[] = [];

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#context = newContext(options.primitives, options.random, options.can);
    const table = new SessionTable(options.random);
    const tlsPort = options.servers.length + 1;
    this.#uplink = new Uplink(this.#context, this, this.#sockets, options.tls, tlsPort);
    this.#inbound = new Inbound(new StunMessage(), table, this.#uplink, {
      stun: (now, link, message, out) => this.#receiveStun(now, link, message, out),
      greeting: (now, route, bytes, out) => this.#introducing.receiveSecond(now, route, bytes, out),
    });
    const identity = { id: clientSession, remoteKey: options.invite.hostKey, clientSide: this };
    this.#session = new Session(this.#context, table, this, identity, 0);
    this.#fresh = new FreshSockets(this.#context, tlsPort + 1, 1);
    const parts = { table, sockets: this.#sockets, session: this.#session };
    this.#introducing = new Introducing(this.#context, this, options, parts);
  }

  receive(now: number, port: PortId, from: Address, bytes: Uint8Array, _info: DatagramInfo, out: Out): void {
    this.#inbound.receive(now, port, this.#link(port), from, bytes, this.#uplink.through(now, out));
  }

  wake(now: number, out: Out): void {
    wakeDue(this.#context, now, this.#uplink.through(now, out));
  }

  nextWake(): number {
    return this.#context.deadlines.next();
  }

  command(now: number, command: PeerCommand | DriverCommand, out: Out): void {
    this.#obey(now, command, this.#uplink.through(now, out));
  }

  #obey(now: number, command: PeerCommand | DriverCommand, out: Out): void {
    const session = this.#session;
    switch (command.type) {
      case "clock":
        if (this.#context.clock.set(now, command.epochMs) && session.established) this.#networkChanged(now, out);
        return;
      case "start":
        session.begin(now);
        this.#sockets.open(this.#context, this, this.#options.servers, out);
        return;
      case "port-opened":
        if (this.#fresh.opened(now, command.port, command.local, out)) return;
        this.#sockets.opened(command.port, command.local);
        this.#portSettled(now, out);
        return;
      case "port-failed":
        if (command.port === this.#uplink.port) return this.#uplink.failed(now, command.code, out);
        if (this.#fresh.failed(command.port)) return;
        this.#sockets.failed(command.port);
        this.#portSettled(now, out);
        return;
      case "interfaces":
        this.#sockets.own.interfaces = command.interfaces;
        if (session.established) this.#networkChanged(now, out);
        return;
      case "servers":
        if (this.#sockets.moveServer(command.servers).length === 0) return;
        this.#uplink.close(out);
        if (session.established) this.#introducing.connect(now, out);
        return;
      case "send":
        if (session.established) session.send(now, command.data, out);
        return;
      case "close":
        session.close(now, command.reason, out);
        return;
      case "stop":
        session.close(now, "shutting-down", out);
        return;
      case "stream-opened":
        return this.#uplink.opened(now, command.local, out);
      case "stream-ended":
        return this.#uplink.ended(now, out);
      case "stream-full":
        return;
    }
  }

  status(): SessionStatus {
    return this.#session.status;
  }

  /** Datagrams that came to nothing, by reason. */
  get counts(): ReadonlyMap<string, number> {
    return this.#inbound.faults;
  }

  // IntroducingOwner

  introduced(now: number, link: ServerLink, connected: Connected, out: Out): void {
    const { keeper } = this.#session;
    const { channel } = connected;
    this.#uplink.settled(now);
    const relay: Route = { kind: "relayed", port: link.port, remote: link.server, channel };
    keeper.paths.drop((route) => route.kind === "relayed" && route.port === link.port && route.channel !== channel);
    this.#session.addRelay(now, relay, out);
    // One for each family, whatever the server says: it must not aim this client's datagrams at others.
    const newer = connected.hostAddresses.filter(
      (address, index, all) => all.findIndex(({ family }) => family === address.family) === index,
    );
    const older = this.#hostAddresses.filter((address) => !newer.some(({ family }) => family === address.family));
    this.#hostAddresses = [...older, ...newer];
    this.#trySeen(now, this.#sockets.links, out);
  }

  connected(now: number, keys: SessionKeys, earlyDataTaken: boolean, again: boolean, out: Out): void {
    const session = this.#session;
    if (!again) out.emit({ type: "connected", session: session.id, earlyDataTaken });
    session.establish(now, keys, out);
    // The first message may have been written before it was known that UDP is blocked.
    if (this.#uplink.carried) session.beginRound(now, out);
    this.probeNamed(now, session, out);
    const { earlyData } = this.#options;
    if (!again && earlyData && !earlyDataTaken) session.send(now, earlyData, out);
  }

  failed(now: number, failure: ConnectFailure, out: Out): void {
    const { fault: tls } = this.#uplink;
    const isExplained = failure.kind === "server-unreachable" && tls !== undefined;
    out.emit({ type: "failed", failure: isExplained ? { ...failure, tls } : failure });
    this.#session.close(now, "done", out);
  }

  // UplinkOwner

  wayChanged(now: number, _link: ServerLink, out: Out): void {
    this.#introducing.wayChanged(now, out);
  }

  // LinkOwner

  addressKnown(): void {
    // Nothing waits for it: Connect carries no address of the client.
  }

  addressChanged(now: number, link: ServerLink, out: Out): void {
    if (!this.#session.established) return;
    this.#introducing.moved(now, link, out);
    this.#session.beginRound(now, out);
  }

  serverRestarted(now: number, _link: ServerLink, out: Out): void {
    this.#introducing.reconnect(now, out);
  }

  serverSilent(_now: number, _link: ServerLink, out: Out): void {
    // The relayed path's own probes tell more, and sooner; but the server may have moved, which only its name tells.
    out.emit({ type: "unreachable" });
  }

  // SessionOwner

  get ownKeys(): KeyPair {
    return this.#options.keyPair;
  }

  ownCandidates(): readonly Candidate[] {
    return this.#sockets.candidates();
  }

  ownProfile(): NatProfile {
    return this.#sockets.profile();
  }

  endsOf(route: Route): PathEnds {
    return this.#uplink.endsOf(route, this.#link(route.port));
  }

  probeNamed(now: number, session: Session, out: Out): void {
    for (const { kind, address } of session.namedCandidates) {
      if (!mayBeNamed(address) || this.#hostAddresses.some((seen) => sameAddress(seen, address))) continue;
      const link = this.#sockets.ofFamily(address.family);
      if (link) session.keeper.addNamed(now, { kind: "direct", port: link.port, remote: address }, kind);
    }
    session.settle(now, out);
  }

  relayLost(now: number, out: Out): void {
    this.#introducing.reconnect(now, out);
  }

  reporter(): Reporter | undefined {
    const link = this.#sockets.links.find((each) => each.mapped);
    const { ticket } = this.#options;
    return link && { link, from: ticket, key: asciiBytes(ticket.password) };
  }

  openFreshSocket(session: Session, family: 4 | 6, out: Out): void {
    const beside = this.#sockets.ofFamily(family);
    if (beside) this.#fresh.open(session.fresh, beside, out);
  }

  dropped(reason: "too-large"): void {
    this.#inbound.count(reason);
  }

  ended(_now: number, session: Session, out: Out): void {
    this.#introducing.stop();
    this.#fresh.closeOf(session.fresh, out);
    this.#uplink.close(out);
    this.#sockets.close(out);
  }

  // ClientSide

  knock(): Uint8Array | undefined {
    return this.#introducing.knock();
  }

  /**
   * Fresh sockets are of a family that both have, IPv4 first, because that is the one with NATs. Where a NAT gives each
   * destination another port, the server cannot tell them which.
   */
  directOverdue(now: number, out: Out): void {
    const profiles = [this.ownProfile(), this.#session.remoteProfile];
    // A host that has come by TLS was seen by the server nowhere; where it can be since, only it says.
    const reflexive = this.#session.namedCandidates.filter(({ kind }) => kind === "server-reflexive");
    const hostAddresses = [...this.#hostAddresses, ...reflexive.map(({ address }) => address)];
    const isFit = (family: 4 | 6): boolean =>
      this.#sockets.ofFamily(family) !== undefined &&
      hostAddresses.some((each) => each.family === family) &&
      profiles.every((profile) => !["varying", "blocked"].includes(profile[family === 4 ? "v4" : "v6"]));
    const family = ([4, 6] as const).find(isFit);
    if (family) this.#session.fresh.begin(now, family, out);
  }

  resumed(now: number): void {
    this.#introducing.resumed(now);
  }

  // Inputs

  /** Once every socket is open or will not be: the candidates are known, so the first message can be written. */
  #portSettled(now: number, out: Out): void {
    const { links, settled } = this.#sockets;
    if (!settled || this.#session.closed) return;
    if (links.length === 0) {
      this.failed(now, { kind: "server-unreachable" }, out);
      return;
    }
    this.#introducing.connect(now, out);
    for (const link of links) link.profile(now, this.#options.secondPort, out);
  }

  #networkChanged(now: number, out: Out): void {
    this.#uplink.networkChanged(now);
    for (const link of this.#sockets.links) link.check(now, out);
    this.#session.beginRound(now, out);
  }

  #receiveStun(now: number, link: ServerLink, message: StunMessage, out: Out): void {
    if (this.#introducing.receive(now, link, message, out)) return;
    const hint = message.method === Method.connect && message.messageClass === MessageClass.indication;
    const channel = hint ? channelOf(message) : undefined;
    const relay = this.#session.keeper.paths.relay?.route;
    if (relay?.kind === "relayed" && relay.channel === channel) this.#introducing.reconnect(now, out);
  }

  /** The host's server-seen addresses are tried from these sockets. */
  #trySeen(now: number, links: readonly ServerLink[], out: Out): void {
    for (const link of links) {
      for (const remote of this.#hostAddresses) {
        if (remote.family !== link.family) continue;
        this.#session.keeper.addSeen(now, { kind: "direct", port: link.port, remote }, "server-reflexive", true);
      }
    }
    this.#session.settle(now, out);
  }

  #link(port: PortId): ServerLink | undefined {
    return this.#sockets.link(port) ?? this.#fresh.link(port);
  }
}
