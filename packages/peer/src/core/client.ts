/** The client: reaches one host by an invite, and keeps its session, whatever happens to addresses and server. */
import {
  type Address,
  type DatagramInfo,
  Deadlines,
  type DriverCommand,
  type Machine,
  type PeerPrimitives,
  type PortId,
  type Random,
  sameAddress,
} from "@fractal-punch/machine";
import {
  type Approach,
  asciiBytes,
  type Candidate,
  type Connected,
  channelOf,
  encodeFrame,
  encodeReport,
  MessageClass,
  Method,
  maxEarlyDataBytes,
  type NatProfile,
  StunBuilder,
  StunMessage,
  type Ticket,
} from "@fractal-punch/wire";
import { Connecting, type ConnectingOwner } from "./connecting.ts";
import { newTransactionId, type Out, type PeerContext, type Sleeper } from "./context.ts";
import type { ConnectFailure, PeerCommand, PeerEvent, SessionStatus } from "./events.ts";
import { FreshSockets } from "./fresh-sockets.ts";
import { Inbound } from "./inbound.ts";
import type { KeyPair } from "./noise.ts";
import { type HostInvite, Opening } from "./opening.ts";
import { mayBeNamed, OwnAddresses } from "./own-addresses.ts";
import type { Route } from "./route.ts";
import { type LinkOwner, ServerLink } from "./server-link.ts";
import { Session, type SessionOwner } from "./session.ts";
import { SessionKeys } from "./session-keys.ts";
import { SessionTable } from "./session-table.ts";
import { triedPaths, verdictBytes } from "./verdict.ts";
import { WallClock } from "./wall-clock.ts";

export interface ClientOptions {
  readonly primitives: PeerPrimitives;
  readonly random: Random;
  readonly keyPair: KeyPair;
  readonly invite: HostInvite;
  readonly ticket: Ticket;
  /** The server's addresses, at most one for each family. */
  readonly servers: readonly Address[];
  /** The server's second port. */
  readonly secondPort: number;
  /**
   * The application's first datagram, at most `maxDatagramBytes`. It goes inside the first message when it has at most
   * `maxEarlyDataBytes`; what the host does not take is sent again as data.
   */
  readonly earlyData?: Uint8Array;
}

/** The only session of a client has this number. */
export const clientSession = 1;

/** How many resumes go unanswered before the client introduces itself with a new handshake. */
const maxResumes = 3;

export class Client implements Machine<PeerCommand, PeerEvent>, ConnectingOwner, LinkOwner, SessionOwner {
  readonly #context: PeerContext;
  readonly #options: ClientOptions;
  readonly #table: SessionTable;
  readonly #inbound: Inbound;
  readonly #own = new OwnAddresses();
  readonly #links = new Map<PortId, ServerLink>();
  readonly #fresh: FreshSockets;
  readonly #session: Session;
  #opening: Opening | undefined;
  #connecting: Connecting | undefined;
  /** Ports that were asked for and are neither open nor failed yet. */
  #awaitedPorts = 0;
  /** The host's server-seen addresses. */
  #hostAddresses: readonly Address[] = [];
  #connected = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#context = {
      primitives: options.primitives,
      random: options.random,
      deadlines: new Deadlines<Sleeper>(),
      clock: new WallClock(),
      builder: new StunBuilder(),
    };
    this.#table = new SessionTable(options.random);
    this.#inbound = new Inbound(new StunMessage(), this.#table, {
      stun: (now, link, message, out) => this.#receiveStun(now, link, message, out),
      greeting: (now, route, bytes, out) => this.#receiveSecond(now, route, bytes, out),
    });
    const identity = { id: clientSession, role: "client" as const, remoteKey: options.invite.hostKey };
    this.#session = new Session(this.#context, this.#table, this, identity, 0);
    this.#fresh = new FreshSockets(this.#context, options.servers.length + 1);
  }

  receive(now: number, port: PortId, from: Address, bytes: Uint8Array, _info: DatagramInfo, out: Out): void {
    const link = this.#links.get(port) ?? this.#fresh.link(port);
    this.#inbound.receive(now, port, link, from, bytes, out);
  }

  wake(now: number, out: Out): void {
    for (let due = this.#context.deadlines.pop(now); due; due = this.#context.deadlines.pop(now)) {
      due.owner.wake(now, due.reason, out);
    }
  }

  nextWake(): number {
    return this.#context.deadlines.next();
  }

  command(now: number, command: PeerCommand | DriverCommand, out: Out): void {
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
        this.#portFailed(now, command.port, out);
        return;
      case "interfaces":
        this.#own.interfaces = command.interfaces;
        if (this.#connected) this.#networkChanged(now, out);
        return;
      case "servers":
        this.#moveServer(now, command.servers, out);
        return;
      case "send":
        if (this.#connected) this.#session.send(now, command.data, out);
        return;
      case "close":
        this.#session.close(now, command.reason, out);
        return;
      case "stop":
        this.#session.close(now, "shutting-down", out);
        this.#release(out);
    }
  }

  status(): SessionStatus {
    const session = this.#session;
    return { path: session.status, reason: session.reason, tried: triedPaths(session) };
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#inbound.faults;
  }

  // ConnectingOwner

  approach(now: number, attempt: number): Approach | undefined {
    const keys = this.#session.keys.sealing(now);
    if (this.#connected && keys && attempt < maxResumes) {
      const frame = encodeFrame({ kind: "resume", timeMs: this.#context.clock.serverMs(now) });
      return { kind: "resume", packet: keys.seal(frame).subarray(4) };
    }
    this.#opening ??= this.#newOpening(now);
    return this.#opening && { kind: "first", message: this.#opening.message };
  }

  introduced(now: number, link: ServerLink, connected: Connected, out: Out): void {
    this.#session.paths.drop((route) => route.kind === "relayed" && route.port === link.port);
    const relay: Route = { kind: "relayed", port: link.port, remote: link.server, channel: connected.channel };
    this.#session.addRelay(now, relay, out);
    const known = this.#hostAddresses.filter(
      (address) => !connected.hostAddresses.some((newer) => newer.family === address.family),
    );
    this.#hostAddresses = [...known, ...connected.hostAddresses];
    this.#trySeen(now, this.#links.values(), out);
  }

  clockLearned(now: number): void {
    this.#opening = this.#newOpening(now);
  }

  connectFailed(now: number, failure: ConnectFailure, out: Out): void {
    this.#connecting = undefined;
    if (this.#connected) return;
    out.emit({ type: "failed", failure });
    this.#session.close(now, "done", out);
    this.#release(out);
  }

  // LinkOwner

  addressKnown(): void {
    // Nothing waits for it: Connect carries no address of the client.
  }

  addressChanged(now: number, _link: ServerLink, out: Out): void {
    if (!this.#connected) return;
    this.#reconnect(now, out);
    this.#session.beginRound(now, out);
  }

  serverRestarted(now: number, _link: ServerLink, out: Out): void {
    this.#reconnect(now, out);
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
    return this.#own.candidates([...this.#fresh.links(), ...this.#links.values()]);
  }

  ownProfile(): NatProfile {
    return this.#own.profile(this.#links.values());
  }

  localAddress(route: Route): Address | undefined {
    return (this.#links.get(route.port) ?? this.#fresh.link(route.port))?.local;
  }

  knock(): Uint8Array | undefined {
    return this.#opening?.knock();
  }

  relayLost(now: number, _session: Session, out: Out): void {
    this.#reconnect(now, out);
  }

  directOverdue(now: number, session: Session, out: Out): void {
    this.#fresh.open(now, this.#links.values(), out, {
      ready: (at, link, through) => {
        this.#trySeen(at, [link], through);
        this.probeNamed(at, session, through);
        session.beginRound(at, through);
        session.expectDirect(at);
      },
      retired: (port) => session.paths.drop((route) => route.port === port),
    });
  }

  probeNamed(now: number, session: Session, out: Out): void {
    for (const { kind, address } of session.namedCandidates) {
      if (!mayBeNamed(address) || this.#hostAddresses.some((seen) => sameAddress(seen, address))) continue;
      for (const link of [...this.#links.values(), ...this.#fresh.links()]) {
        if (link.family !== address.family || !link.local) continue;
        session.addNamed(now, { kind: "direct", port: link.port, remote: address }, kind, out);
      }
    }
  }

  resumed(_now: number, _session: Session, _out: Out): void {
    this.#hostAnswered();
  }

  verdictChanged(_now: number, session: Session, _reason: string, out: Out): void {
    const link = [...this.#links.values()].find((each) => each.mapped);
    if (!link) return;
    const { ticket, primitives } = this.#options;
    const signature = { macs: primitives, key: asciiBytes(ticket.password) };
    const verdict = verdictBytes(session, this.ownProfile());
    const { builder } = this.#context;
    out.send(
      link.port,
      link.server,
      encodeReport(builder, newTransactionId(this.#context), ticket, verdict, signature),
    );
  }

  ended(_now: number, _session: Session, out: Out): void {
    this.#connecting?.stop();
    this.#release(out);
    this.#connected = false;
  }

  // Inputs

  #start(now: number, out: Out): void {
    this.#session.begin(now);
    for (const [index, server] of this.#options.servers.entries()) {
      const port = index + 1;
      this.#links.set(port, new ServerLink(this.#context, this, port, server));
      this.#awaitedPorts++;
      out.openPort(port, { family: server.family, port: 0 });
    }
  }

  #portOpened(now: number, port: PortId, local: Address, out: Out): void {
    if (this.#fresh.opened(now, port, local, out)) return;
    this.#links.get(port)?.opened(local);
    this.#portSettled(now, out);
  }

  #portFailed(now: number, port: PortId, out: Out): void {
    if (this.#fresh.failed(port)) return;
    this.#links.delete(port);
    this.#portSettled(now, out);
  }

  /** Once every socket is open or will not be: the candidates are known, so the first message can be written. */
  #portSettled(now: number, out: Out): void {
    if (--this.#awaitedPorts > 0 || this.#session.closed) return;
    if (this.#links.size === 0) {
      this.connectFailed(now, { kind: "server-unreachable" }, out);
      return;
    }
    this.#connect(now, out);
    for (const link of this.#links.values()) link.profile(now, this.#options.secondPort, out);
  }

  #connect(now: number, out: Out): void {
    const links = [...this.#links.values()];
    const patience = this.#connected ? [Infinity] : [];
    this.#connecting = new Connecting(this.#context, this, this.#options.ticket, links, now, ...patience);
    this.#connecting.start(now, out);
  }

  /** Introduces itself anew, for a session that goes on; does nothing while that is under way. */
  #reconnect(now: number, out: Out): void {
    if (!this.#connected || this.#connecting?.waiting) return;
    this.#connecting?.stop();
    this.#opening = undefined;
    this.#connect(now, out);
  }

  #moveServer(now: number, servers: readonly Address[], out: Out): void {
    let moved = false;
    for (const link of this.#links.values()) {
      const server = servers.find(({ family }) => family === link.family);
      if (server && link.moveTo(server)) moved = true;
    }
    if (!moved || !this.#connected) return;
    this.#connecting?.stop();
    this.#connect(now, out);
  }

  #networkChanged(now: number, out: Out): void {
    for (const link of this.#links.values()) link.check(now, out);
    this.#session.beginRound(now, out);
  }

  #receiveStun(now: number, link: ServerLink, message: StunMessage, out: Out): void {
    if (this.#connecting?.receive(now, link, message, out)) return;
    const hint = message.method === Method.connect && message.messageClass === MessageClass.indication;
    const channel = hint ? channelOf(message) : undefined;
    const relay = this.#session.paths.relay?.route;
    if (relay?.kind === "relayed" && relay.channel === channel) this.#reconnect(now, out);
  }

  #receiveSecond(now: number, route: Route, bytes: Uint8Array, out: Out): void {
    const opening = this.#opening;
    const read = opening?.read(bytes);
    if (!opening || !read) return;
    const { payload } = read;
    if (payload.refusal !== undefined) {
      this.connectFailed(now, { kind: "host-refused", refusal: payload.refusal }, out);
      return;
    }
    this.#opening = undefined;
    const session = this.#session;
    const keys = new SessionKeys(this.#context.primitives, read.keys, opening.index, payload.index, now);
    const again = this.#connected;
    this.#connected = true;
    session.learnCandidates(payload.profile, payload.candidates);
    session.heardOn(now, route);
    if (!again) out.emit({ type: "connected", session: session.id, earlyDataTaken: payload.earlyDataTaken });
    session.establish(now, keys, out);
    this.probeNamed(now, session, out);
    this.#hostAnswered();
    const { earlyData } = this.#options;
    if (!again && earlyData && !payload.earlyDataTaken) session.send(now, earlyData, out);
  }

  #hostAnswered(): void {
    this.#connecting?.finish();
  }

  /** The host's server-seen addresses are tried from these sockets. */
  #trySeen(now: number, links: Iterable<ServerLink>, out: Out): void {
    for (const link of links) {
      for (const remote of this.#hostAddresses) {
        if (remote.family !== link.family) continue;
        this.#session.addSeen(now, { kind: "direct", port: link.port, remote }, "server-reflexive", true, out);
      }
    }
  }

  #newOpening(now: number): Opening | undefined {
    const { keyPair, invite, earlyData } = this.#options;
    return Opening.to(this.#context, keyPair, invite, {
      index: this.#table.newIndex(),
      timeMs: this.#context.clock.serverMs(now),
      profile: this.ownProfile(),
      candidates: this.ownCandidates(),
      earlyData: this.#connected || (earlyData?.length ?? 0) > maxEarlyDataBytes ? undefined : earlyData,
      continues: this.#session.keys.current?.remoteIndex,
    });
  }

  #release(out: Out): void {
    for (const [port, link] of this.#links) {
      link.close();
      out.closePort(port);
    }
    this.#links.clear();
    this.#fresh.close(out);
  }
}
