/** A server, a host and a client on a small network, with the machines that run in production. */
import assert from "node:assert/strict";
import type { Address } from "@fractal-punch/machine";
import {
  Client,
  Host,
  type HostCommand,
  type IssuedInvite,
  type PeerCommand,
  type PeerEvent,
} from "@fractal-punch/peer/core";
import { type Limits, Server, type ServerCommand, type ServerEvent } from "@fractal-punch/server/core";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import { asciiBytes, clientUsername, hostIdText, hostUsername, type Ticket, ticketPassword } from "@fractal-punch/wire";
import type { PeerAbilities } from "../../dist/core/context.js";
import type { KeyPair } from "../../dist/core/noise.js";
import { epochMs, type Node, SmallNet } from "./small-net.ts";
import { at, can, primitives, seededRandom } from "./test-context.ts";

const secret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const yearSeconds = 31_536_000;

export const serverAddress: Address = at("192.0.2.1:48800");
export const invite: IssuedInvite = { id: new Uint8Array(8).fill(1), secret: new Uint8Array(32).fill(2) };

export interface TrioOptions {
  readonly seed?: number;
  readonly earlyData?: boolean;
  readonly limits?: Partial<Limits>;
  readonly invites?: readonly IssuedInvite[];
  readonly access?: "tickets" | "open";
  /** How long each datagram takes. */
  readonly delayMs?: number;
  /** What the peers' drivers can. */
  readonly peersCan?: PeerAbilities;
}

export class Trio {
  readonly net: SmallNet;
  readonly server: Node<ServerCommand, ServerEvent>;
  readonly host: Node<HostCommand, PeerEvent>;
  readonly hostKeys: KeyPair = keyPair(3);
  readonly hostTicket: Ticket;
  readonly #seed: number;
  readonly #can: PeerAbilities;

  constructor(options: TrioOptions = {}) {
    const { seed = 1, limits, invites = [invite], access = "tickets" } = options;
    this.#seed = seed;
    this.#can = options.peersCan ?? can;
    this.net = new SmallNet(options.delayMs);
    const [key, name] = access === "open" ? ["open", "open"] : [secret, "desk"];
    this.hostTicket = ticketOf(key, hostUsername(epochMs / 1000 + yearSeconds, name));
    const ports = [48_800, 3478].map((port) => ({ family: 4 as const, port, main: port === 48_800 }));
    const common = { primitives, random: seededRandom(seed) };
    this.server = this.net.add(
      "192.0.2.1",
      new Server({
        ...common,
        primitives: nodePrimitives,
        secret,
        classic: false,
        access,
        ports,
        ...(limits && { limits }),
      }),
    );
    const host = new Host({
      ...common,
      keyPair: this.hostKeys,
      ticket: this.hostTicket,
      servers: [serverAddress],
      secondPort: 3478,
      can: this.#can,
      earlyData: options.earlyData ?? false,
      invites,
    });
    this.host = this.net.add("198.51.100.7", host);
  }

  /** Server and host are up, and the host is reachable. */
  begin(): this {
    this.server.command({ type: "start" });
    this.host.command({ type: "start" });
    this.net.runUntil(() => this.host.events.some(({ type }) => type === "registered"));
    return this;
  }

  /** What a client would present; the host need not be up. */
  get clientTicket(): Ticket {
    const username = clientUsername(
      epochMs / 1000 + yearSeconds,
      hostIdText(this.hostKeys.publicKey),
      this.hostTicket.username,
    );
    return ticketOf(this.hostTicket.password, username);
  }

  /** A client that starts now. */
  connect(options: ConnectingOptions = {}): Node<PeerCommand, PeerEvent> {
    const { ip = "203.0.113.9", clockOffsetMs = 0 } = options;
    const client = new Client({
      primitives,
      random: seededRandom(this.#seed + 1 + this.net.log.length),
      keyPair: keyPair(options.key ?? 4),
      invite: { hostKey: this.hostKeys.publicKey, ...(options.invite ?? invite) },
      ticket: options.ticket ?? this.clientTicket,
      servers: [serverAddress],
      secondPort: 3478,
      can: this.#can,
      ...(options.earlyData && { earlyData: asciiBytes(options.earlyData) }),
    });
    const node = this.net.add(ip, client, clockOffsetMs);
    node.command({ type: "start" });
    return node;
  }

  /** A client with a session. */
  connected(options: ConnectingOptions = {}): Node<PeerCommand, PeerEvent> {
    const client = this.connect(options);
    this.net.runUntil(() => client.events.some(({ type }) => type === "connected"));
    return client;
  }
}

interface ConnectingOptions {
  readonly ip?: string;
  readonly key?: number;
  readonly clockOffsetMs?: number;
  readonly earlyData?: string;
  readonly invite?: IssuedInvite;
  readonly ticket?: Ticket;
}

/** The only event of that type. */
export function only<Type extends PeerEvent["type"]>(
  node: { events: readonly PeerEvent[] },
  type: Type,
): PeerEvent & { type: Type } {
  const [found, ...more] = all(node, type);
  assert(found && more.length === 0, `${more.length + (found ? 1 : 0)} events of type ${type}`);
  return found;
}

export function all<Type extends PeerEvent["type"]>(
  node: { events: readonly PeerEvent[] },
  type: Type,
): (PeerEvent & { type: Type })[] {
  return node.events.filter((event): event is PeerEvent & { type: Type } => event.type === type);
}

export function keyPair(seed: number): KeyPair {
  const secretKey = new Uint8Array(32).fill(seed);
  return { secretKey, publicKey: primitives.publicKey(secretKey) };
}

function ticketOf(key: string, username: string): Ticket {
  return { username, password: ticketPassword(primitives, key, username) };
}
