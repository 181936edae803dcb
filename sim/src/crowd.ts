/** One server, some hosts and many clients in one world, behind all kinds of NATs: for what depends on numbers. */
import { type Address, type Machine, withPort } from "@fractal-punch/machine";
import {
  Client,
  clientSession,
  Host,
  type IssuedInvite,
  type KeyPair,
  type PeerCommand,
  type PeerEvent,
} from "@fractal-punch/peer/core";
import { Server, type ServerCommand, type ServerEvent } from "@fractal-punch/server/core";
import { asciiBytes, asciiText, base64UrlText, hostIdText, type Ticket } from "@fractal-punch/wire";
import { bytesOf, keyPairOf, primitives } from "./identities.ts";
import {
  fullCone,
  linuxHomeRouter,
  portRestrictedCone,
  type RouterBehaviour,
  restrictedCone,
  symmetric,
} from "./nat-behaviour.ts";
import type { Node } from "./node.ts";
import { Operator } from "./operator.ts";
import { World, worldEpochMs } from "./world.ts";

const port = 48_800;
const secondPort = 3478;
const yearSeconds = 31_536_000;
const nats: readonly RouterBehaviour[] = [fullCone, restrictedCone, portRestrictedCone, linuxHomeRouter, symmetric];
/** Clients come one after the other, as fast as a host's introductions allow. */
const gapMs = 25;

interface CrowdHost {
  readonly node: Node<PeerCommand, PeerEvent>;
  readonly keys: KeyPair;
  readonly invite: IssuedInvite;
  readonly ticket: Ticket;
}

export class Crowd {
  readonly world: World;
  readonly clients: Node<PeerCommand, PeerEvent>[] = [];
  readonly hosts: readonly CrowdHost[];
  /** What each host received, "client number/datagram number". */
  readonly received: string[] = [];
  readonly #operator: Operator;
  readonly #server: Address;

  constructor(seed: number, hosts: number) {
    this.world = new World({ seed, log: false, events: false });
    this.#operator = new Operator(base64UrlText(bytesOf("secret", 32)), primitives);
    this.#server = this.#startServer();
    this.hosts = Array.from({ length: hosts }, (_, index) => this.#startHost(index));
    this.world.run(this.world.now + 2000);
  }

  /** Connects that many clients, to one host after the other, and waits until each has its session. */
  connect(count: number): void {
    let connected = 0;
    for (let index = 0; index < count; index++)
      this.world.after(index * gapMs, () => {
        this.#startClient(index).onEvent((event) => {
          if (event.type === "connected") connected++;
        });
      });
    this.world.runUntil(() => connected === count, this.world.now + count * gapMs + 11_000);
  }

  /** Each client sends one datagram; gives the time by which the hosts have had all of them. */
  send(number: number): void {
    for (const [index, node] of this.clients.entries()) {
      const data = asciiBytes(`${index}/${number}`);
      this.world.after(index % 1000, () => node.command({ type: "send", session: clientSession, data }));
    }
    this.world.run(this.world.now + 2000);
  }

  #startServer(): Address {
    const rate = { perSecond: 1000, burst: 1000 };
    const server = new Server({
      secret: this.#operator.secret,
      primitives,
      random: this.world.random("server"),
      classic: true,
      access: "tickets",
      ports: [
        { family: 4, port, main: true },
        { family: 4, port: secondPort, main: false },
      ],
      limits: { clientIntroductionRate: rate, hostIntroductionRate: rate, connectRate: rate },
    });
    const node = this.world.node<ServerCommand, ServerEvent>("server", { address: "192.0.2.1", delayMs: 15 });
    node.start(server);
    node.command({ type: "start" });
    return withPort(node.addresses[0] ?? { family: 4, ip: 0, port }, port);
  }

  #startHost(index: number): CrowdHost {
    const name = `host ${index}`;
    const keys = keyPairOf(`${name}'s key`);
    const invite = { id: bytesOf(`${name}'s invite`, 8), secret: bytesOf(`${name}'s secret`, 32) };
    const ticket = this.#operator.hostTicket(this.#expiry(), "studio");
    const machine = new Host({ ...this.#common(name), keyPair: keys, ticket, earlyData: false, invites: [invite] });
    const node = this.#start(name, machine, nats[index % nats.length]);
    node.onEvent((event) => {
      if (event.type === "data") this.received.push(asciiText(event.data));
    });
    return { node, keys, invite, ticket };
  }

  #startClient(index: number): Node<PeerCommand, PeerEvent> {
    const host = this.hosts[index % this.hosts.length];
    if (host === undefined) throw new Error("a crowd has at least one host");
    const { keys, invite, ticket } = host;
    const name = `client ${index}`;
    const machine = new Client({
      ...this.#common(name),
      keyPair: keyPairOf(`${name}'s key`),
      invite: { hostKey: keys.publicKey, ...invite },
      ticket: this.#operator.clientTicketOf(ticket, this.#expiry(), hostIdText(keys.publicKey)),
    });
    const node = this.#start(name, machine, nats[Math.floor(index / this.hosts.length) % nats.length]);
    this.clients.push(node);
    return node;
  }

  #start(
    name: string,
    machine: Machine<PeerCommand, PeerEvent>,
    behaviour: RouterBehaviour | undefined,
  ): Node<PeerCommand, PeerEvent> {
    const place =
      behaviour === undefined ? {} : { behind: this.world.nat(`${name}'s router`, behaviour, { delayMs: 20 }) };
    const node = this.world.node<PeerCommand, PeerEvent>(name, place);
    node.start(machine);
    const interfaces = node.addresses.map((address) => ({ address, prefixBits: 24 }));
    node.command({ type: "interfaces", interfaces });
    node.command({ type: "start" });
    return node;
  }

  #common(
    name: string,
  ): Pick<ConstructorParameters<typeof Client>[0], "primitives" | "can" | "random" | "servers" | "secondPort"> {
    return {
      primitives,
      can: { dontFragment: true },
      random: this.world.random(`${name} machine`),
      servers: [this.#server],
      secondPort,
    };
  }

  #expiry(): number {
    return Math.floor(worldEpochMs / 1000) + yearSeconds;
  }
}
