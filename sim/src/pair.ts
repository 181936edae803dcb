/** A server, a host and a client in a world of their own: what most scenarios start from. */
import { type Address, type Machine, withPort } from "@fractal-punch/machine";
import {
  Client,
  type ClientEvent,
  clientSession,
  Host,
  type HostCommand,
  type IssuedInvite,
  type KeyPair,
  type PeerCommand,
  type PeerEvent,
  type SessionStatus,
  type TlsOptions,
} from "@fractal-punch/peer/core";
import {
  type Counters,
  type Limits,
  type ListenPort,
  Server,
  type ServerCommand,
  type ServerEvent,
  type Sizes,
} from "@fractal-punch/server/core";
import { asciiBytes, asciiText, base64UrlText, hostIdText, type Ticket } from "@fractal-punch/wire";
import { bytesOf, keyPairOf, primitives } from "./identities.ts";
import type { RouterBehaviour } from "./nat-behaviour.ts";
import type { LineOptions } from "./network.ts";
import type { Node } from "./node.ts";
import { Operator } from "./operator.ts";
import type { Router } from "./router.ts";
import type { Place } from "./topology.ts";
import { World, worldEpochMs } from "./world.ts";

export interface EndOptions extends LineOptions {
  /** The router that the end is behind: one made for it, or those there are. */
  readonly behind?: RouterBehaviour | Router | readonly Router[];
  readonly address?: string | readonly string[];
  readonly clockOffsetMs?: number;
}

export interface PairOptions {
  readonly seed?: number;
  readonly client?: EndOptions;
  readonly host?: EndOptions;
  readonly server?: LineOptions & {
    readonly address?: readonly string[];
    readonly limits?: Partial<Limits>;
    /** Whether it serves the classic protocols; it does when not given. */
    readonly classic?: boolean;
  };
  /** Whether the server takes TLS on port 443, and the peers know; they do not when not given. */
  readonly tls?: boolean;
  /** Whether the host takes early data. */
  readonly earlyData?: boolean;
  /** How long the host's ticket lives, in seconds of the world; a year when not given. */
  readonly ticketSeconds?: number;
}

export interface ConnectOptions {
  readonly earlyData?: string;
  /** The invite's when not given. */
  readonly ticket?: Ticket;
  readonly invite?: IssuedInvite;
}

/** A datagram of the application as it was received. */
export interface Received {
  readonly atMs: number;
  readonly text: string;
  readonly via: "relayed" | "direct";
}

type PeerNode<Command> = Node<Command, PeerEvent>;

const mainPort = 48_800;
const secondPort = 3478;
const tlsPort = 443;
const yearSeconds = 31_536_000;

export class Pair {
  readonly world: World;
  readonly server: Node<ServerCommand, ServerEvent>;
  readonly host: PeerNode<HostCommand>;
  readonly client: PeerNode<PeerCommand>;
  readonly operator: Operator;
  readonly invite: IssuedInvite;
  readonly hostTicket: Ticket;
  readonly clientTicket: Ticket;
  readonly #options: PairOptions;
  readonly #hostKeys: KeyPair;
  readonly #clientKeys: KeyPair;
  readonly #serverAddresses: readonly string[];
  /** How many machines were started, so that each has randomness of its own. */
  #starts = 0;
  #serverMachine: Server | undefined;
  #hostMachine: Host | undefined;
  #clientMachine: Client | undefined;

  constructor(options: PairOptions = {}, world: World = new World({ seed: options.seed ?? 1 })) {
    this.#options = options;
    this.world = world;
    this.operator = new Operator(base64UrlText(bytesOf("operator secret", 32)), primitives);
    this.#hostKeys = keyPairOf("host key");
    this.#clientKeys = keyPairOf("client key");
    this.invite = { id: bytesOf("invite id", 8), secret: bytesOf("invite secret", 32) };
    const expiry = this.secondsFromNow(options.ticketSeconds ?? yearSeconds);
    this.hostTicket = this.operator.hostTicket(expiry, "studio");
    this.clientTicket = this.operator.clientTicketOf(this.hostTicket, expiry, this.hostId);
    const { address, limits: _limits, classic: _classic, ...line } = options.server ?? {};
    this.#serverAddresses = address ?? ["192.0.2.1"];
    this.server = world.node("server", { address: this.#serverAddresses, ...line });
    this.host = world.node("host", this.#place("host", options.host ?? {}));
    this.client = world.node("client", this.#place("client", options.client ?? {}));
  }

  get hostId(): string {
    return hostIdText(this.#hostKeys.publicKey);
  }

  /** A time of the world in seconds since 1970, as tickets have it. */
  secondsFromNow(seconds: number): number {
    return Math.floor((worldEpochMs + this.world.now) / 1000) + seconds;
  }

  /** Starts server and host, and waits until the host is reachable. */
  begin(): this {
    this.startServer();
    this.startHost();
    this.world.runUntil(() => this.hostEvents("registered").length > 0, this.world.now + 15_000);
    return this;
  }

  startServer(): void {
    const ports = this.#serverAddresses.flatMap((text) => this.#ports(text.includes(":") ? 6 : 4));
    const { limits, classic = true } = this.#options.server ?? {};
    const random = this.#random();
    const server = new Server({
      secret: this.operator.secret,
      primitives,
      random,
      access: "tickets",
      ports,
      classic,
      ...(limits && { limits }),
    });
    this.#serverMachine = server;
    this.server.restart(server);
    this.server.command({ type: "start" });
  }

  startHost(invites: readonly IssuedInvite[] = [this.invite], hostTicket: Ticket = this.hostTicket): Host {
    const host = this.#newHost(invites, hostTicket);
    this.#hostMachine = host;
    this.#begin(this.host, host);
    return host;
  }

  /** Another process with the host's key starts elsewhere. */
  startAnotherHost(name: string, place: EndOptions = {}): PeerNode<HostCommand> {
    const node: PeerNode<HostCommand> = this.world.node(name, this.#place(name, place));
    this.#begin(node, this.#newHost([this.invite], this.hostTicket));
    return node;
  }

  /** The client connects now. */
  connect(options: ConnectOptions = {}): Client {
    const client = this.#newClient(this.#clientKeys, options);
    this.#clientMachine = client;
    this.#begin(this.client, client);
    return client;
  }

  /** Another client, with a key of its own, connects now. */
  connectAnother(name: string, place: EndOptions = {}, options: ConnectOptions = {}): PeerNode<PeerCommand> {
    const node: PeerNode<PeerCommand> = this.world.node(name, this.#place(name, place));
    this.#begin(node, this.#newClient(keyPairOf(`${name} key`), options));
    return node;
  }

  /** Connects, and waits until the client has a session. */
  connected(options: ConnectOptions = {}): this {
    const before = this.clientEvents("connected").length;
    this.connect(options);
    this.world.runUntil(() => this.clientEvents("connected").length > before, this.world.now + 15_000);
    return this;
  }

  /** Lets that much time pass. */
  pass(ms: number): this {
    this.world.run(this.world.now + ms);
    return this;
  }

  /** The host sends each datagram back where it came from. */
  echo(): this {
    this.host.onEvent((event) => {
      if (event.type === "data") this.host.command({ type: "send", session: event.session, data: event.data });
    });
    return this;
  }

  /** The client sends `text` as soon as it is connected. */
  sendOnceConnected(text: string): this {
    this.client.onEvent((event) => {
      if (event.type === "connected") this.send(text);
    });
    return this;
  }

  send(text: string): void {
    this.client.command({ type: "send", session: clientSession, data: asciiBytes(text) });
  }

  /** A stream of datagrams from the client, one each `everyMs`, numbered "0", "1" and so on. */
  stream(count: number, everyMs: number): void {
    for (let i = 0; i < count; i++) this.world.after(i * everyMs, () => this.send(String(i)));
  }

  /** The same from the host, to its latest session. */
  streamBack(count: number, everyMs: number): void {
    for (let i = 0; i < count; i++) this.world.after(i * everyMs, () => this.sendBack(String(i)));
  }

  sendBack(text: string): void {
    this.host.command({ type: "send", session: this.hostSession, data: asciiBytes(text) });
  }

  /** The number of the host's latest session. */
  get hostSession(): number {
    return this.hostEvents("session").at(-1)?.event.session ?? 0;
  }

  hostEvents<Type extends PeerEvent["type"]>(type: Type): { atMs: number; event: PeerEvent & { type: Type } }[] {
    return eventsOf(this.host, type);
  }

  clientEvents<Type extends PeerEvent["type"]>(type: Type): { atMs: number; event: PeerEvent & { type: Type } }[] {
    return eventsOf(this.client, type);
  }

  /** What the client received. */
  get replies(): Received[] {
    return this.clientEvents("data").map(({ atMs, event }) => ({ atMs, text: asciiText(event.data), via: event.via }));
  }

  /** What the host received. */
  get requests(): Received[] {
    return this.hostEvents("data").map(({ atMs, event }) => ({ atMs, text: asciiText(event.data), via: event.via }));
  }

  /** The failure of the client's connect; waits for it. */
  failure(withinMs = 30_000): (ClientEvent & { type: "failed" })["failure"] {
    this.world.runUntil(() => this.clientEvents("failed").length > 0, this.world.now + withinMs);
    const [failed] = this.clientEvents("failed");
    if (failed === undefined) throw new Error("no failure");
    return failed.event.failure;
  }

  /** Waits until the client's path is of that kind. */
  untilPath(kind: "relayed" | "direct", withinMs = 10_000): number {
    return this.world.runUntil(() => this.clientPath === kind, this.world.now + withinMs);
  }

  get clientPath(): "relayed" | "direct" | undefined {
    return this.clientEvents("path").at(-1)?.event.path.kind;
  }

  get hostPath(): "relayed" | "direct" | undefined {
    return this.hostEvents("path").at(-1)?.event.path.kind;
  }

  /** Path, verdict and what was tried, as the client has it. */
  get clientStatus(): SessionStatus | undefined {
    return this.#clientMachine?.status();
  }

  get hostStatus(): SessionStatus | undefined {
    return this.#hostMachine?.status(this.hostSession);
  }

  /** The verdicts of client and host. */
  get reasons(): (string | undefined)[] {
    return [this.clientStatus?.reason, this.hostStatus?.reason];
  }

  /** The paths' kinds at client and host. */
  get paths(): (string | undefined)[] {
    return [this.clientStatus?.path?.kind, this.hostStatus?.path?.kind];
  }

  get serverCounters(): Counters | undefined {
    return this.#serverMachine?.counters;
  }

  /** How many entries the server's tables have. */
  get serverSizes(): Sizes | undefined {
    return this.#serverMachine?.sizes;
  }

  /** An end goes to another place, and is told so by its system. */
  move(end: PeerNode<HostCommand> | PeerNode<PeerCommand>, place: Place): void {
    end.move(place);
    this.tellInterfaces(end);
  }

  /** What a program that watches its machine's interfaces does. */
  tellInterfaces(end: PeerNode<HostCommand> | PeerNode<PeerCommand>): void {
    end.command({ type: "interfaces", interfaces: interfacesOf(end) });
  }

  /** Starts a machine in its node, as the programs around both kinds of peer do. */
  #begin<Command>(node: PeerNode<Command | PeerCommand>, machine: Machine<Command | PeerCommand, PeerEvent>): void {
    node.restart(machine);
    node.command({ type: "interfaces", interfaces: interfacesOf(node) });
    node.command({ type: "start" });
  }

  #newHost(invites: readonly IssuedInvite[], hostTicket: Ticket): Host {
    return new Host({
      primitives,
      random: this.#random(),
      can: this.host.abilities,
      keyPair: this.#hostKeys,
      ticket: hostTicket,
      servers: this.#servers(),
      secondPort,
      ...this.#tls(),
      earlyData: this.#options.earlyData ?? false,
      invites,
    });
  }

  #newClient(
    keyPair: KeyPair,
    { invite = this.invite, ticket = this.clientTicket, earlyData }: ConnectOptions,
  ): Client {
    return new Client({
      primitives,
      random: this.#random(),
      can: this.client.abilities,
      keyPair,
      invite: { hostKey: this.#hostKeys.publicKey, id: invite.id, secret: invite.secret },
      ticket,
      servers: this.#servers(),
      secondPort,
      ...this.#tls(),
      ...(earlyData !== undefined && { earlyData: asciiBytes(earlyData) }),
    });
  }

  #place(name: string, options: EndOptions): Place {
    const { behind, ...rest } = options;
    if (behind === undefined) return rest;
    return { ...rest, behind: "kind" in behind ? this.world.nat(`${name}'s router`, behind) : behind };
  }

  #ports(family: 4 | 6): ListenPort[] {
    const tls: ListenPort = { transport: "tls", family, port: tlsPort, main: true };
    const udp = [
      { family, port: mainPort, main: true },
      { family, port: secondPort, main: false },
    ];
    return this.#options.tls === true ? [...udp, tls] : udp;
  }

  /** The virtual TLS has no certificates. */
  #tls(): { tls?: TlsOptions } {
    return this.#options.tls === true ? { tls: { port: tlsPort, name: "punch.example.com" } } : {};
  }

  #servers(): Address[] {
    return this.server.addresses.map((address) => withPort(address, mainPort));
  }

  #random(): ReturnType<World["random"]> {
    return this.world.random(`machine ${this.#starts++}`);
  }
}

function interfacesOf<Command, Event>(node: Node<Command, Event>): { address: Address; prefixBits: number }[] {
  return node.addresses.map((address) => ({ address, prefixBits: address.family === 4 ? 24 : 64 }));
}

function eventsOf<Command, Type extends PeerEvent["type"]>(
  node: PeerNode<Command>,
  type: Type,
): { atMs: number; event: PeerEvent & { type: Type } }[] {
  const found: { atMs: number; event: PeerEvent & { type: Type } }[] = [];
  for (const { atMs, event } of node.events) if (isOf(event, type)) found.push({ atMs, event });
  return found;
}

function isOf<Type extends PeerEvent["type"]>(event: PeerEvent, type: Type): event is PeerEvent & { type: Type } {
  return event.type === type;
}
