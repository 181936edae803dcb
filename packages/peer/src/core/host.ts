/** The host: keeps itself registered, and holds many sessions on one socket for each address family. */
import {
  type Address,
  type DatagramInfo,
  type DriverCommand,
  type Machine,
  type PeerPrimitives,
  type PortId,
  type Random,
  sameAddress,
  sameIp,
} from "@fractal-punch/machine";
import {
  type Candidate,
  channelOf,
  decodeIntroduction,
  type ErrorCode,
  errorCodeOf,
  MessageClass,
  Method,
  type NatProfile,
  type Registered,
  StunMessage,
  type Ticket,
} from "@fractal-punch/wire";
import { newContext, type Out, type PeerAbilities, type PeerContext, wakeDue } from "./context.ts";
import type { PathEnds, PeerCommand, PeerEvent, SessionStatus } from "./events.ts";
import { FreshSockets } from "./fresh-sockets.ts";
import type { IssuedInvite } from "./greeting.ts";
import { Guests } from "./guests.ts";
import { Inbound } from "./inbound.ts";
import type { KeyPair } from "./noise.ts";
import { mayBeNamed } from "./own-addresses.ts";
import { Reception } from "./reception.ts";
import { HostIdentity, isFinal, Registration, type RegistrationOwner } from "./registration.ts";
import type { Route } from "./route.ts";
import type { LinkOwner, ServerLink } from "./server-link.ts";
import type { Session, SessionOwner } from "./session.ts";
import { SessionTable } from "./session-table.ts";
import { Sockets } from "./sockets.ts";
import { maxHostFreshSockets } from "./timing.ts";
import type { TlsOptions } from "./tls-stream.ts";
import { Uplink, type UplinkOwner } from "./uplink.ts";
import type { Reporter } from "./verdict.ts";

export interface HostOptions {
  readonly primitives: PeerPrimitives;
  readonly random: Random;
  /** What the driver can that it will run on. */
  readonly can: PeerAbilities;
  readonly keyPair: KeyPair;
  readonly ticket: Ticket;
  /** The server's addresses, at most one for each family. */
  readonly servers: readonly Address[];
  /** The server's second port. */
  readonly secondPort: number;
  /** Tried when UDP does not reach the server. */
  readonly tls?: TlsOptions;
  /** Whether early data is taken. */
  readonly earlyData: boolean;
  readonly invites: readonly IssuedInvite[];
}

export type HostCommand =
  | PeerCommand
  /** All invites there are now; sessions of revoked ones end. */
  | { readonly type: "invites"; readonly invites: readonly IssuedInvite[] };

export class Host implements Machine<HostCommand, PeerEvent>, LinkOwner, UplinkOwner, RegistrationOwner, SessionOwner {
  readonly #context: PeerContext;
  readonly #options: HostOptions;
  readonly #identity: HostIdentity;
  readonly #inbound: Inbound;
  readonly #sockets = new Sockets();
  readonly #uplink: Uplink;
  readonly #fresh: FreshSockets;
  readonly #registrations = new Map<PortId, Registration>();
  readonly #guests = new Guests();
  readonly #reception: Reception;
  #saidUnreachable = false;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#context = newContext(options.primitives, options.random, options.can);
    this.#identity = new HostIdentity(this.#context, options.keyPair, options.ticket);
    const tlsPort = options.servers.length + 1;
    this.#uplink = new Uplink(this.#context, this, this.#sockets, options.tls, tlsPort);
    this.#fresh = new FreshSockets(this.#context, tlsPort + 1, maxHostFreshSockets);
    const table = new SessionTable(options.random);
    const { earlyData, invites } = options;
    const parts = { table, sockets: this.#sockets, guests: this.#guests, owner: this, earlyData };
    this.#reception = new Reception(this.#context, parts, invites);
    this.#inbound = new Inbound(new StunMessage(), table, this.#uplink, {
      stun: (now, link, message, out) => this.#receiveStun(now, link, message, out),
      greeting: (now, route, bytes, out) => this.#reception.receiveKnock(now, route, bytes, out),
    });
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

  command(now: number, command: HostCommand | DriverCommand, out: Out): void {
    this.#obey(now, command, this.#uplink.through(now, out));
  }

  #obey(now: number, command: HostCommand | DriverCommand, out: Out): void {
    switch (command.type) {
      case "clock":
        if (this.#context.clock.set(now, command.epochMs)) this.#wokenUp(now, out);
        return;
      case "start":
        this.#reception.openedAtMs = now;
        this.#sockets.open(this.#context, this, this.#options.servers, out);
        return;
      case "port-opened":
        if (this.#fresh.opened(now, command.port, command.local, out)) return;
        this.#portOpened(now, command.port, command.local, out);
        return;
      case "port-failed":
        if (command.port === this.#uplink.port) return this.#uplink.failed(now, command.code, out);
        if (this.#fresh.failed(command.port)) return;
        this.#sockets.failed(command.port);
        if (this.#sockets.links.length === 0) this.unreachable(now, out);
        return;
      case "interfaces":
        this.#interfacesChanged(now, command.interfaces, out);
        return;
      case "servers":
        this.#moveServer(now, command.servers, out);
        return;
      case "invites":
        this.#setInvites(now, command.invites, out);
        return;
      case "send":
        this.#guests.find(command.session)?.session.send(now, command.data, out);
        return;
      case "close":
        this.#guests.find(command.session)?.session.close(now, command.reason, out);
        return;
      case "stop":
        this.#stop(now, out);
        return;
      case "stream-opened":
        return this.#uplink.opened(now, command.local, out);
      case "stream-ended":
        return this.#uplink.ended(now, out);
      case "stream-full":
        return;
    }
  }

  /** `undefined` when there is no such session. */
  status(session: number): SessionStatus | undefined {
    return this.#guests.find(session)?.session.status;
  }

  /** Datagrams that came to nothing, by reason. */
  get counts(): ReadonlyMap<string, number> {
    return this.#inbound.faults;
  }

  // UplinkOwner

  wayChanged(now: number, link: ServerLink, out: Out): void {
    this.#registrations.get(link.port)?.start(now, out);
  }

  // LinkOwner

  addressKnown(now: number, link: ServerLink, out: Out): void {
    link.profile(now, this.#options.secondPort, out);
  }

  addressChanged(now: number, link: ServerLink, out: Out): void {
    this.#registrations.get(link.port)?.check(now, out);
    for (const { session } of this.#guests.all()) session.beginRound(now, out);
  }

  serverRestarted(now: number, link: ServerLink, out: Out): void {
    this.#registrations.get(link.port)?.check(now, out);
  }

  serverSilent(now: number, link: ServerLink, out: Out): void {
    this.#registrations.get(link.port)?.check(now, out);
  }

  // RegistrationOwner

  registered(now: number, { mapped, tls }: Registered, begins: boolean, out: Out): void {
    this.#saidUnreachable = false;
    this.#uplink.settled(now);
    if (tls && this.#uplink.tls) this.#uplink.tls = { ...this.#uplink.tls, ...tls };
    if (begins) out.emit({ type: "registered", mapped, ...(tls && { tls }) });
  }

  unreachable(_now: number, out: Out): void {
    const reachable = [...this.#registrations.values()].some((registration) => registration.registered);
    if (reachable || this.#saidUnreachable) return;
    this.#saidUnreachable = true;
    const { fault: tls } = this.#uplink;
    out.emit({ type: "unreachable", ...(tls !== undefined && { tls }) });
  }

  registrationEnded(now: number, code: ErrorCode, out: Out): void {
    out.emit({ type: "ended", code });
    for (const registration of this.#registrations.values()) registration.registered = false;
    this.#stop(now, out);
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
    const seen = session.keeper.seenAddresses;
    const isBehindSame = this.#sockets.links.some(({ mapped }) => mapped && seen.some((each) => sameIp(each, mapped)));
    for (const { kind, address } of session.namedCandidates) {
      if (!mayBeNamed(address)) continue;
      const isKnown = seen.some((known) => sameAddress(known, address));
      if (!session.confirmed && (isKnown || !this.#sockets.own.isNear(address, seen))) continue;
      const link = this.#sockets.ofFamily(address.family);
      if (!link) continue;
      const path = session.keeper.addNamed(now, { kind: "direct", port: link.port, remote: address }, kind);
      path.near = isBehindSame && this.#sockets.own.isNear(address, []);
    }
    session.settle(now, out);
  }

  /** The client introduces itself anew, which it can only if the server knows this host: that is made sure of at once. */
  relayLost(now: number, out: Out): void {
    for (const registration of this.#registrations.values()) registration.check(now, out);
  }

  reporter(): Reporter | undefined {
    const registration = [...this.#registrations.values()].find(({ registered }) => registered);
    if (!registration?.key) return undefined;
    return { link: registration.link, from: { hostKey: this.#options.keyPair.publicKey }, key: registration.key };
  }

  openFreshSocket(session: Session, family: 4 | 6, out: Out): void {
    const beside = this.#sockets.ofFamily(family);
    if (beside) this.#fresh.open(session.fresh, beside, out);
  }

  dropped(reason: "too-large"): void {
    this.#inbound.count(reason);
  }

  ended(_now: number, session: Session, out: Out): void {
    this.#fresh.closeOf(session.fresh, out);
    this.#guests.remove(session);
  }

  // Inputs

  #portOpened(now: number, port: PortId, local: Address, out: Out): void {
    const link = this.#sockets.opened(port, local);
    if (!link) return;
    const registration = new Registration(this.#context, this, this.#identity, link);
    this.#registrations.set(port, registration);
    registration.start(now, out);
  }

  #stop(now: number, out: Out): void {
    for (const { session } of this.#guests.all()) session.close(now, "shutting-down", out);
    for (const registration of this.#registrations.values()) registration.leave(out);
    this.#registrations.clear();
    this.#reception.close();
    this.#uplink.close(out);
    this.#sockets.close(out);
  }

  #moveServer(now: number, servers: readonly Address[], out: Out): void {
    const moved = this.#sockets.moveServer(servers);
    if (moved.length > 0) this.#uplink.close(out);
    for (const link of moved) this.#registrations.get(link.port)?.restart(now, out);
    // The other family's may have been by the TLS connection that is closed now.
    for (const link of this.#sockets.links) this.#registrations.get(link.port)?.check(now, out);
  }

  #interfacesChanged(now: number, interfaces: Sockets["own"]["interfaces"], out: Out): void {
    this.#sockets.own.interfaces = interfaces;
    this.#uplink.networkChanged(now);
    for (const link of this.#sockets.links) if (link.mapped) link.check(now, out);
    for (const { session } of this.#guests.all()) session.beginRound(now, out);
  }

  /** The registration may have ended meanwhile, and its answer tells the server's time. */
  #wokenUp(now: number, out: Out): void {
    for (const registration of this.#registrations.values()) registration.check(now, out);
    for (const { session } of this.#guests.all()) session.beginRound(now, out);
  }

  #setInvites(now: number, invites: readonly IssuedInvite[], out: Out): void {
    this.#reception.invites = invites;
    for (const { session, inviteId } of this.#guests.all()) {
      const invite = this.#reception.findInvite(inviteId);
      if (!invite || invite.revoked) session.close(now, "revoked", out);
    }
  }

  #link(port: PortId): ServerLink | undefined {
    return this.#sockets.link(port) ?? this.#fresh.link(port);
  }

  #receiveStun(now: number, link: ServerLink, message: StunMessage, out: Out): void {
    if (message.messageClass !== MessageClass.indication) return;
    const registration = this.#registrations.get(link.port);
    if (message.method === Method.connect) {
      // A hint that anyone could forge: it costs one refresh.
      if (channelOf(message) !== undefined) registration?.check(now, out);
      return;
    }
    if (!registration?.authentic(message)) return;
    if (message.method === Method.register) {
      const code = errorCodeOf(message);
      if (code !== undefined && isFinal(code)) this.registrationEnded(now, code, out);
      return;
    }
    const introduction = message.method === Method.introduce ? decodeIntroduction(message) : undefined;
    if (!introduction) return;
    this.#reception.receiveIntroduction(now, link, message.transactionId, introduction, out);
  }
}
