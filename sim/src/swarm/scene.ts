/** The world of a draw: who is in it, and how time goes by. */
import {
  Client,
  clientSession,
  Host,
  type PeerCommand,
  type PeerEvent,
  type SessionStatus,
} from "@fractal-punch/peer/core";
import { asciiText, maxDatagramBytes } from "@fractal-punch/wire";
import type { Node } from "../node.ts";
import { type EndOptions, Pair } from "../pair.ts";
import { World } from "../world.ts";
import type { Draw } from "./draw.ts";
import { type Home, Homes } from "./homes.ts";
import { Ledger } from "./ledger.ts";
import { lineOptionsOf } from "./line-draw.ts";
import { blockUdp } from "./udp-block.ts";

export type ClientNode = Node<PeerCommand, PeerEvent>;

const dualServer = ["192.0.2.1", "2001:db8::1"];
const guestGapMs = 120;
/** A peer gives up connecting after ten seconds. */
const connectMs = 11_000;

export class Scene {
  readonly draw: Draw;
  readonly world: World;
  readonly pair: Pair;
  readonly homes: Homes;
  readonly ledger: Ledger;
  readonly clients: ClientNode[] = [];
  /** Where the ends are now. */
  readonly clientHomes: Home[] = [];
  hostHome: Home;
  /** The host's sessions that are open. */
  readonly sessions: Set<number> = new Set();
  /** The applications send datagrams as large as they can. */
  fills = false;
  readonly #asleep: Set<unknown> = new Set();
  /** The largest that each can send: by client, and by the host's session. */
  readonly #clientLimits: Map<number, number> = new Map();
  readonly #hostLimits: Map<number, number> = new Map();

  constructor(draw: Draw, log: boolean) {
    this.draw = draw;
    this.world = new World({ seed: draw.seed, log });
    this.homes = new Homes(this.world, draw.mtu.homes);
    this.ledger = new Ledger(draw.clients.length, draw.sizes);
    this.hostHome = this.homes.build(draw.host.home);
    for (const index of draw.clients.keys()) this.clientHomes.push(this.#clientHome(index));
    const server = { ...lineOptionsOf(draw.serverLine), ...(this.#needs6() && { address: dualServer }) };
    const host = { behind: this.hostHome.behind, clockOffsetMs: draw.host.clockOffsetMs };
    this.pair = new Pair({ client: this.#endOptions(0), host, server, tls: true, earlyData: draw.early }, this.world);
    const { to, delayMs } = draw.detour ?? {};
    if (to !== undefined) this.world.impair(this.pair.client, this.pair[to], { delayMs: delayMs ?? 0 });
  }

  /** Registers the host and connects all clients. */
  begin(): void {
    const { pair, world, draw } = this;
    pair.host.onEvent((event) => this.#atHost(event));
    if (draw.udpBlock !== undefined && draw.udpBlock.fromMs === undefined) blockUdp(this);
    pair.begin();
    world.run(world.now + draw.waitMs);
    this.#clientStarts(0, pair.client);
    pair.connect(draw.early ? { earlyData: asciiText(this.ledger.request(0)) } : {});
    for (let index = 1; index < draw.clients.length; index++) {
      world.after(index * guestGapMs, () => {
        this.#clientStarts(index, pair.connectAnother(`client ${index}`, this.#endOptions(index)));
      });
    }
    const all = draw.clients.length;
    world.runUntil(() => this.clients.filter(hasConnected).length === all, world.now + all * guestGapMs + connectMs);
  }

  /** Every client sends its next datagram, as far as it is awake; so does the host, if it has anything to say. */
  send(): void {
    for (const [index, node] of this.clients.entries()) {
      if (!this.#asleep.has(node) && node.machine !== undefined)
        node.command({
          type: "send",
          session: clientSession,
          data: this.ledger.request(index, this.#lengthOf(this.#clientLimits.get(index))),
        });
      const session = this.ledger.sessionOf(index);
      const { host } = this.pair;
      if (this.draw.pushes && session !== undefined && this.sessions.has(session) && !this.#asleep.has(host))
        host.command({
          type: "send",
          session,
          data: this.ledger.push(index, this.#lengthOf(this.#hostLimits.get(session))),
        });
    }
  }

  /** The host's process starts anew; its sessions are gone. */
  restartHost(): void {
    this.sessions.clear();
    this.ledger.forgetSessions();
    this.pair.startHost();
  }

  sleep(node: Node<never, PeerEvent>): void {
    node.sleep();
    this.#asleep.add(node);
  }

  awake(node: Node<never, PeerEvent>): void {
    this.#asleep.delete(node);
    node.awake();
  }

  /** The largest datagrams that a client, and the host to it, can send. */
  limitsOf(client: number): { here: number; there: number } {
    const session = this.ledger.sessionOf(client) ?? 0;
    const here = this.#clientLimits.get(client) ?? maxDatagramBytes;
    return { here, there: this.#hostLimits.get(session) ?? maxDatagramBytes };
  }

  /** What the client, and the host, say of the client's session. */
  statusOf(client: number): { here: SessionStatus | undefined; there: SessionStatus | undefined } {
    const [here, there] = [this.clients[client]?.machine, this.pair.host.machine];
    const session = this.ledger.sessionOf(client);
    return {
      here: here instanceof Client ? here.status() : undefined,
      there: there instanceof Host && session !== undefined ? there.status(session) : undefined,
    };
  }

  #clientHome(index: number): Home {
    const { clients, shared } = this.draw;
    const [first] = this.clientHomes;
    if (index === 1 && shared === "clients' router" && first !== undefined) return first;
    if (index === 0 && shared === "host's router") return this.hostHome;
    const draw = clients[index]?.home;
    if (draw === undefined) throw new Error(`there is no client ${index}`);
    return this.homes.build(draw, index === 0 && shared === "host's carrier" ? this.hostHome : undefined);
  }

  #endOptions(index: number): EndOptions {
    const { behind } = this.clientHomes[index] ?? {};
    const { clockOffsetMs = 0 } = this.draw.clients[index] ?? {};
    return { clockOffsetMs, ...(behind && { behind }) };
  }

  #lengthOf(limit: number = maxDatagramBytes): number | undefined {
    return this.fills ? limit : undefined;
  }

  #needs6(): boolean {
    return [this.hostHome, ...this.clientHomes].some(({ draw }) => draw.families !== "4");
  }

  #clientStarts(index: number, node: ClientNode): void {
    this.clients.push(node);
    node.onEvent((event) => {
      if (event.type === "data") this.ledger.atClient(index, event.data);
      if (event.type === "limit") this.#clientLimits.set(index, event.maxDatagramBytes);
    });
  }

  #atHost(event: PeerEvent): void {
    if (event.type === "session") this.sessions.add(event.session);
    if (event.type === "closed") this.sessions.delete(event.session);
    if (event.type === "limit") this.#hostLimits.set(event.session, event.maxDatagramBytes);
    if (event.type !== "data") return;
    const data = this.ledger.atHost(event.session, event.data, this.#lengthOf(this.#hostLimits.get(event.session)));
    this.pair.host.command({ type: "send", session: event.session, data });
  }
}

function hasConnected({ name, events }: ClientNode): boolean {
  for (const { event } of events) {
    if (event.type === "failed") throw new Error(`${name} does not connect: ${JSON.stringify(event.failure)}`);
    if (event.type === "connected") return true;
  }
  return false;
}
