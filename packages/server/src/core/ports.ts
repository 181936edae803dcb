/** The server's ports: those that it opens, and what became of them. */
import { type Address, addressScope, type Outbox, type PortId, type PortRequest, sameIp } from "@fractal-punch/machine";
import type { ServerEvent } from "./events.ts";

export interface ListenPort extends PortRequest {
  /** Serves everything; other ports answer Binding only, and tell a peer how its NAT maps. */
  readonly main: boolean;
}

export type Corners = readonly [asked: PortId, byPort: PortId, byIp: PortId, byBoth: PortId];

export class Ports {
  /** By id. */
  readonly #ports: ListenPort[];
  /** By id; those of open ports. */
  readonly #locals: (Address | undefined)[] = [];
  /** By id; forgotten when another port opens. */
  readonly #corners = new Map<PortId, Corners | undefined>();
  readonly #tcp: boolean;
  #awaited = 0;

  /** With `tcp`, each main port is joined by one of TCP: at the same number, also where the system chose that. */
  constructor(ports: readonly ListenPort[], tcp: boolean) {
    this.#ports = [...ports];
    this.#tcp = tcp;
  }

  isMain(id: PortId): boolean {
    return this.#ports[id]?.main === true;
  }

  isStream(id: PortId): boolean {
    return isOfStreams(this.#ports[id]);
  }

  isTls(id: PortId): boolean {
    return this.#ports[id]?.transport === "tls";
  }

  /** What the port is bound to; `undefined` while it is not open. */
  localOf(id: PortId): Address | undefined {
    return this.#locals[id];
  }

  /** The first that is open; `undefined` when there is none. */
  get tlsPort(): number | undefined {
    const id = this.#ports.findIndex(({ transport }, each) => transport === "tls" && this.#locals[each] !== undefined);
    return this.#locals[id]?.port;
  }

  /** Which of the addresses of that family and scope that the server listens on it is: 0 for the first. */
  rankOf(local: Address): number {
    return this.#alike(local).findIndex((other) => sameIp(other, local));
  }

  /**
   * The four ports of two IP addresses and two numbers, as seen from that one: itself, the one of the other number, of the
   * other IP address, of both (RFC 5780 section 6). The other address is the next of those that the server listens on, of
   * the same scope. `undefined` unless all four are open for UDP.
   */
  cornersOf(id: PortId): Corners | undefined {
    if (!this.#corners.has(id)) this.#corners.set(id, this.#findCorners(id));
    return this.#corners.get(id);
  }

  open(out: Outbox<ServerEvent>): void {
    this.#awaited = this.#ports.length;
    for (const [id, request] of this.#ports.entries()) out.openPort(id, request);
  }

  opened(id: PortId, local: Address, out: Outbox<ServerEvent>): void {
    const port = this.#ports[id];
    if (port === undefined) return;
    this.#locals[id] = local;
    this.#corners.clear();
    out.emit({ type: "listening", port, local });
    if (this.#tcp && port.main && !isOfStreams(port)) this.#join(port, local.port, out);
    this.#settled(out);
  }

  failed(id: PortId, code: string, out: Outbox<ServerEvent>): void {
    const port = this.#ports[id];
    if (port === undefined) return;
    out.emit({ type: "listen-failed", port, code });
    this.#settled(out);
  }

  #join(port: ListenPort, number: number, out: Outbox<ServerEvent>): void {
    const joined: ListenPort = { ...port, transport: "tcp", port: number };
    this.#awaited++;
    out.openPort(this.#ports.push(joined) - 1, joined);
  }

  #findCorners(id: PortId): Corners | undefined {
    const local = this.#locals[id];
    if (local === undefined || this.isStream(id)) return undefined;
    const next = this.#nextIp(local);
    if (next === undefined) return undefined;
    const main = this.isMain(id);
    const corners = [
      this.#udpAt(local, main),
      this.#udpAt(local, !main),
      this.#udpAt(next, main),
      this.#udpAt(next, !main),
    ] as const;
    const [asked, byPort, byIp, byBoth] = corners.map((corner) => this.#locals[corner]?.port);
    return byPort !== undefined && asked === byIp && byPort === byBoth ? corners : undefined;
  }

  /** The last is followed by the first. */
  #nextIp(local: Address): Address | undefined {
    const alike = this.#alike(local);
    const next = alike[(this.rankOf(local) + 1) % alike.length];
    return next && !sameIp(next, local) ? next : undefined;
  }

  /** Those of its family and scope that main ports of UDP are bound to, in the order in which they were asked for. */
  #alike(local: Address): Address[] {
    const scope = addressScope(local);
    return this.#locals.filter((other, id): other is Address => {
      const isListed = other?.family === local.family && this.isMain(id) && !this.isStream(id);
      return isListed && addressScope(other) === scope;
    });
  }

  #udpAt(ip: Address, main: boolean): PortId {
    return this.#ports.findIndex((port, id) => {
      const local = this.#locals[id];
      return port.main === main && !this.isStream(id) && local !== undefined && sameIp(local, ip);
    });
  }

  #settled(out: Outbox<ServerEvent>): void {
    this.#awaited--;
    if (this.#awaited === 0) out.emit({ type: "ready" });
  }
}

function isOfStreams(port: ListenPort | undefined): boolean {
  return port?.transport === "tcp" || port?.transport === "tls";
}
