/** The host: keeps itself registered, answers introductions, and holds many sessions on one socket for each family. */
import {
  type Address,
  type DatagramInfo,
  Deadlines,
  type DriverCommand,
  equalBytes,
  type Machine,
  type PeerPrimitives,
  type PortId,
  type Random,
  sameAddress,
} from "@fractal-punch/machine";
import {
  type Candidate,
  channelOf,
  decodeIntroduction,
  type ErrorCode,
  encodeReport,
  errorCodeOf,
  type FirstPayload,
  type HostRefusal,
  type Introduction,
  knockTag,
  MessageClass,
  Method,
  type NatProfile,
  StunBuilder,
  StunMessage,
  type Ticket,
} from "@fractal-punch/wire";
import { newTransactionId, type Out, type PeerContext, type Sleeper } from "./context.ts";
import type { PeerCommand, PeerEvent, SessionStatus } from "./events.ts";
import {
  acceptFirst,
  encodeRefusal,
  type FirstMessage,
  Greeting,
  type IssuedInvite,
  inviteRefusal,
  openFirst,
} from "./greeting.ts";
import { Greetings } from "./greetings.ts";
import { type Guest, Guests } from "./guests.ts";
import { Inbound } from "./inbound.ts";
import type { KeyPair } from "./noise.ts";
import { mayBeNamed, OwnAddresses } from "./own-addresses.ts";
import { HostIdentity, isFinal, Registration, type RegistrationOwner } from "./registration.ts";
import { type Route, sendOn } from "./route.ts";
import { type LinkOwner, ServerLink } from "./server-link.ts";
import { Session, type SessionOwner } from "./session.ts";
import { SessionKeys } from "./session-keys.ts";
import { SessionTable } from "./session-table.ts";
import { ephemeralMs, maxSessions, timeToleranceMs } from "./timing.ts";
import { triedPaths, verdictBytes } from "./verdict.ts";
import { WallClock } from "./wall-clock.ts";

export interface HostOptions {
  readonly primitives: PeerPrimitives;
  readonly random: Random;
  readonly keyPair: KeyPair;
  readonly ticket: Ticket;
  /** The server's addresses, at most one for each family. */
  readonly servers: readonly Address[];
  /** The server's second port. */
  readonly secondPort: number;
  /** Whether early data is taken. */
  readonly earlyData: boolean;
  readonly invites: readonly IssuedInvite[];
}

export type HostCommand =
  | PeerCommand
  /** All invites there are now; sessions of revoked ones end. */
  | { readonly type: "invites"; readonly invites: readonly IssuedInvite[] };

/** One introduction on its way through the host. */
interface Arrival {
  readonly link: ServerLink;
  readonly transactionId: Uint8Array;
  readonly introduction: Introduction;
  readonly relay: Route;
}

export class Host implements Machine<HostCommand, PeerEvent>, LinkOwner, RegistrationOwner, SessionOwner {
  readonly #context: PeerContext;
  readonly #options: HostOptions;
  readonly #identity: HostIdentity;
  readonly #table: SessionTable;
  readonly #inbound: Inbound;
  readonly #own = new OwnAddresses();
  readonly #links = new Map<PortId, ServerLink>();
  readonly #registrations = new Map<PortId, Registration>();
  readonly #guests = new Guests();
  readonly #greetings: Greetings;
  #invites: readonly IssuedInvite[];
  #nextSession = 1;
  #startedAtMs = 0;
  #saidUnreachable = false;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#invites = options.invites;
    this.#context = {
      primitives: options.primitives,
      random: options.random,
      deadlines: new Deadlines<Sleeper>(),
      clock: new WallClock(),
      builder: new StunBuilder(),
    };
    this.#identity = new HostIdentity(this.#context, options.keyPair, options.ticket);
    this.#table = new SessionTable(options.random);
    this.#greetings = new Greetings(this.#context);
    this.#inbound = new Inbound(new StunMessage(), this.#table, {
      stun: (now, link, message, out) => this.#receiveStun(now, link, message, out),
      greeting: (now, route, bytes, out) => this.#receiveKnock(now, route, bytes, out),
    });
  }

  receive(now: number, port: PortId, from: Address, bytes: Uint8Array, _info: DatagramInfo, out: Out): void {
    this.#inbound.receive(now, port, this.#links.get(port), from, bytes, out);
  }

  wake(now: number, out: Out): void {
    for (let due = this.#context.deadlines.pop(now); due; due = this.#context.deadlines.pop(now)) {
      due.owner.wake(now, due.reason, out);
    }
  }

  nextWake(): number {
    return this.#context.deadlines.next();
  }

  command(now: number, command: HostCommand | DriverCommand, out: Out): void {
    switch (command.type) {
      case "clock":
        this.#context.clock.set(now, command.epochMs);
        return;
      case "start":
        this.#start(now, out);
        return;
      case "port-opened":
        this.#portOpened(now, command.port, command.local, out);
        return;
      case "port-failed":
        this.#links.delete(command.port);
        if (this.#links.size === 0) this.unreachable(now, out);
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
    }
  }

  /** `undefined` when there is no such session. */
  status(session: number): SessionStatus | undefined {
    const guest = this.#guests.find(session);
    return guest && { path: guest.session.status, reason: guest.session.reason, tried: triedPaths(guest.session) };
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#inbound.faults;
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

  registered(_now: number, mapped: Address, begins: boolean, out: Out): void {
    this.#saidUnreachable = false;
    if (begins) out.emit({ type: "registered", mapped });
  }

  unreachable(_now: number, out: Out): void {
    const reachable = [...this.#registrations.values()].some((registration) => registration.registered);
    if (reachable || this.#saidUnreachable) return;
    this.#saidUnreachable = true;
    out.emit({ type: "unreachable" });
  }

  registrationEnded(now: number, code: ErrorCode, out: Out): void {
    out.emit({ type: "ended", code });
    this.#stop(now, out);
  }

  // SessionOwner

  get ownKeys(): KeyPair {
    return this.#options.keyPair;
  }

  ownCandidates(): readonly Candidate[] {
    return this.#own.candidates(this.#links.values());
  }

  ownProfile(): NatProfile {
    return this.#own.profile(this.#links.values());
  }

  localAddress(route: Route): Address | undefined {
    return this.#links.get(route.port)?.local;
  }

  knock(): undefined {
    // A host has keys from its first word on.
  }

  relayLost(): void {
    // The client introduces itself anew; a host cannot reach it any other way.
  }

  directOverdue(): void {
    // Fresh sockets are the client's to open.
  }

  resumed(): void {
    // Only clients resume.
  }

  probeNamed(now: number, session: Session, out: Out): void {
    const seen = session.paths.all.filter(({ named }) => !named).map(({ route }) => route.remote);
    for (const { kind, address } of session.namedCandidates) {
      if (!mayBeNamed(address) || seen.some((known) => sameAddress(known, address))) continue;
      if (!session.confirmed && !this.#own.isNear(address, seen)) continue;
      const link = this.#linkOf(address.family);
      if (link) session.addNamed(now, { kind: "direct", port: link.port, remote: address }, kind, out);
    }
  }

  verdictChanged(_now: number, session: Session, _reason: string, out: Out): void {
    for (const { registered, key, link } of this.#registrations.values()) {
      if (!registered || !key) continue;
      const from = { hostKey: this.#options.keyPair.publicKey };
      const signature = { macs: this.#options.primitives, key };
      const verdict = verdictBytes(session, this.ownProfile());
      const { builder } = this.#context;
      out.send(
        link.port,
        link.server,
        encodeReport(builder, newTransactionId(this.#context), from, verdict, signature),
      );
      return;
    }
  }

  ended(_now: number, session: Session): void {
    this.#guests.remove(session);
  }

  // Inputs

  #start(now: number, out: Out): void {
    this.#startedAtMs = now;
    for (const [index, server] of this.#options.servers.entries()) {
      const port = index + 1;
      this.#links.set(port, new ServerLink(this.#context, this, port, server));
      out.openPort(port, { family: server.family, port: 0 });
    }
  }

  #portOpened(now: number, port: PortId, local: Address, out: Out): void {
    const link = this.#links.get(port);
    if (!link) return;
    link.opened(local);
    const registration = new Registration(this.#context, this, this.#identity, link);
    this.#registrations.set(port, registration);
    registration.start(now, out);
  }

  #stop(now: number, out: Out): void {
    for (const { session } of this.#guests.all()) session.close(now, "shutting-down", out);
    for (const registration of this.#registrations.values()) registration.stop();
    for (const [port, link] of this.#links) {
      link.close();
      out.closePort(port);
    }
    this.#links.clear();
    this.#registrations.clear();
  }

  #interfacesChanged(now: number, interfaces: OwnAddresses["interfaces"], out: Out): void {
    this.#own.interfaces = interfaces;
    for (const link of this.#links.values()) if (link.mapped) link.check(now, out);
    for (const { session } of this.#guests.all()) session.beginRound(now, out);
  }

  #moveServer(now: number, servers: readonly Address[], out: Out): void {
    for (const [port, link] of this.#links) {
      const server = servers.find(({ family }) => family === link.family);
      if (server && link.moveTo(server)) this.#registrations.get(port)?.restart(now, out);
    }
  }

  #setInvites(now: number, invites: readonly IssuedInvite[], out: Out): void {
    this.#invites = invites;
    for (const { session, inviteId } of this.#guests.all()) {
      const invite = this.#findInvite(inviteId);
      if (!invite || invite.revoked) session.close(now, "revoked", out);
    }
  }

  #receiveStun(now: number, link: ServerLink, message: StunMessage, out: Out): void {
    if (message.messageClass !== MessageClass.indication) return;
    const registration = this.#registrations.get(link.port);
    if (message.method === Method.connect) {
      // A hint that anyone could forge: it costs one refresh.
      if (channelOf(message) !== undefined) registration?.check(now, out);
    } else if (registration?.authentic(message)) {
      if (message.method === Method.register) this.#receiveEnd(now, message, out);
      if (message.method === Method.introduce) this.#receiveIntroduction(now, link, message, out);
    }
  }

  #receiveEnd(now: number, message: StunMessage, out: Out): void {
    const code = errorCodeOf(message);
    if (code !== undefined && isFinal(code)) this.registrationEnded(now, code, out);
  }

  #receiveIntroduction(now: number, link: ServerLink, message: StunMessage, out: Out): void {
    const introduction = decodeIntroduction(message);
    if (!introduction) return;
    const relay: Route = { kind: "relayed", port: link.port, remote: link.server, channel: introduction.channel };
    const arrival: Arrival = { link, transactionId: message.transactionId.slice(), introduction, relay };
    const { approach } = introduction;
    if (approach?.kind === "first") this.#receiveFirst(now, arrival, approach.message, out);
    else if (approach?.kind === "resume") this.#receiveResume(now, arrival, approach.packet, out);
    else if (introduction.proven) this.#clientSeen(now, this.#guests.findByChannel(relay), arrival, out);
  }

  #receiveFirst(now: number, arrival: Arrival, message: Uint8Array, out: Out): void {
    const repeated = this.#greetings.find(message.subarray(0, 32));
    if (repeated) {
      this.#welcome(now, arrival, repeated, out);
      return;
    }
    const first = openFirst(this.#context, this.#options.keyPair, message);
    if (!first) return;
    const refusal = this.#refusalOf(now, first);
    if (first.payload === "version" || refusal) {
      const packet = encodeRefusal(this.#context, first, refusal ?? "version");
      if (packet) sendOn(arrival.relay, packet, out);
      return;
    }
    this.#accept(now, arrival, first, first.payload, out);
  }

  #refusalOf(now: number, { state, payload }: FirstMessage): HostRefusal | undefined {
    if (payload === "version") return "version";
    const timeMs = this.#context.clock.serverMs(now);
    if (Math.abs(payload.timeMs - timeMs) > timeToleranceMs) return "time-off";
    const refusal = inviteRefusal(this.#context, state, payload, this.#findInvite(payload.inviteId), timeMs);
    if (refusal) return refusal;
    return this.#guests.size >= maxSessions || this.#greetings.full ? "host-full" : undefined;
  }

  #accept(now: number, arrival: Arrival, { state }: FirstMessage, payload: FirstPayload, out: Out): void {
    const index = this.#table.newIndex();
    const continued = this.#continued(payload, state.initiatorStatic);
    const earlyData = this.#takenEarlyData(payload);
    const details = {
      earlyDataTaken: earlyData !== undefined,
      profile: this.ownProfile(),
      candidates: this.ownCandidates(),
      index,
    };
    const accepted = acceptFirst(this.#context, state, payload, details);
    if (!accepted) return;
    const guest = continued ?? this.#newGuest(now, state.initiatorStatic, payload.inviteId);
    const { session } = guest;
    const greeting = new Greeting(session, accepted.packet, payload.probeKey, now + ephemeralMs);
    this.#greetings.add(state.initiatorEphemeral, greeting);
    session.learnCandidates(payload.profile, payload.candidates);
    const keys = new SessionKeys(this.#context.primitives, accepted.keys, index, payload.index, now);
    if (!continued) {
      out.emit({ type: "session", session: session.id, clientKey: session.remoteKey, inviteId: payload.inviteId });
    }
    session.confirmed = false;
    session.establish(now, keys, out);
    this.#welcome(now, arrival, greeting, out);
    this.probeNamed(now, session, out);
    if (earlyData) out.emit({ type: "data", session: session.id, data: earlyData, via: "relayed", early: true });
  }

  /** Notes by which channel and from where the client came, and sends the second message both ways. */
  #welcome(now: number, arrival: Arrival, greeting: Greeting, out: Out): void {
    const guest = this.#guests.find(greeting.session.id);
    if (!guest) return;
    this.#guests.introduced(guest, arrival.transactionId, arrival.relay);
    const relay = guest.session.addRelay(now, arrival.relay, out);
    const direct = this.#clientSeen(now, guest, arrival, out);
    guest.session.sendPacket(greeting.packet, direct ? [direct, relay] : [relay], out);
  }

  /** The server saw the client at an address; whether it is proven, the introduction says. */
  #clientSeen(
    now: number,
    guest: Guest | undefined,
    { introduction }: Arrival,
    out: Out,
  ): ReturnType<Session["addSeen"]> | undefined {
    const link = this.#linkOf(introduction.client.family);
    if (!guest || !link) return undefined;
    const route: Route = { kind: "direct", port: link.port, remote: introduction.client };
    return guest.session.addSeen(now, route, "server-reflexive", introduction.proven, out);
  }

  #receiveResume(now: number, arrival: Arrival, packet: Uint8Array, out: Out): void {
    const found = this.#inbound.findKeys(packet);
    const guest = found && this.#guests.find(found.session.id);
    if (!found || !guest) return;
    if (!guest.session.resume(now, found.keys, packet, found.header)) return;
    this.#guests.introduced(guest, arrival.transactionId, arrival.relay);
    const relay = guest.session.addRelay(now, arrival.relay, out);
    guest.session.sendFrameOn(now, relay.route, { kind: "resumed" }, out);
    this.#clientSeen(now, guest, arrival, out);
  }

  #receiveKnock(now: number, route: Route, bytes: Uint8Array, out: Out): void {
    const tag = knockTag(bytes, "client");
    const greeting = tag && this.#greetings.findByTag(tag);
    if (!greeting || greeting.session.closed || route.kind !== "direct") return;
    if (!greeting.authentic(this.#context, bytes) || !greeting.mayAnswer(route.remote)) return;
    // Where the server saw the client too, the knock is the client's own; elsewhere it could be a copy of one.
    const known = greeting.session.paths.find(route);
    const path = greeting.session.addSeen(now, route, "peer-reflexive", known !== undefined && !known.named, out);
    greeting.session.sendPacket(greeting.packet, [path], out);
  }

  #continued(payload: FirstPayload, clientKey: Uint8Array): Guest | undefined {
    const found = payload.continues === undefined ? undefined : this.#table.find(payload.continues);
    if (!found || !equalBytes(found.session.remoteKey, clientKey)) return undefined;
    return this.#guests.find(found.session.id);
  }

  #newGuest(now: number, clientKey: Uint8Array, inviteId: Uint8Array): Guest {
    const options = { id: this.#nextSession++, role: "host" as const, remoteKey: clientKey };
    return this.#guests.add(new Session(this.#context, this.#table, this, options, now), inviteId);
  }

  /** Early data is taken only when it was sealed after this host's start, since a replay guard does not outlive a process. */
  #takenEarlyData(payload: FirstPayload): Uint8Array | undefined {
    const startedMs = this.#context.clock.serverMs(this.#startedAtMs);
    return this.#options.earlyData && payload.timeMs >= startedMs ? payload.earlyData : undefined;
  }

  #findInvite(id: Uint8Array): IssuedInvite | undefined {
    return this.#invites.find((invite) => equalBytes(invite.id, id));
  }

  #linkOf(family: 4 | 6): ServerLink | undefined {
    for (const link of this.#links.values()) if (link.family === family && link.local) return link;
    return undefined;
  }
}
