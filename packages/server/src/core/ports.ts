/** The server's ports: those that it opens, and what became of them. */
import type { Address, Outbox, PortId, PortRequest } from "@fractal-punch/machine";
import type { ServerEvent } from "./events.ts";

export interface ListenPort extends PortRequest {
  /** Serves everything; other ports answer Binding only, and tell a peer how its NAT maps. */
  readonly main: boolean;
}

export class Ports {
  /** By id. */
  readonly #ports: ListenPort[];
  readonly #tcp: boolean;
  #awaited = 0;

  /** With `tcp`, each main port of IPv4 is joined by one of TCP: at the same number, also where the system chose that. */
  constructor(ports: readonly ListenPort[], tcp: boolean) {
    this.#ports = [...ports];
    this.#tcp = tcp;
  }

  isMain(id: PortId): boolean {
    return this.#ports[id]?.main === true;
  }

  isTcp(id: PortId): boolean {
    return this.#ports[id]?.transport === "tcp";
  }

  open(out: Outbox<ServerEvent>): void {
    this.#awaited = this.#ports.length;
    for (const [id, request] of this.#ports.entries()) out.openPort(id, request);
  }

  opened(id: PortId, local: Address, out: Outbox<ServerEvent>): void {
    const port = this.#ports[id];
    if (port === undefined) return;
    out.emit({ type: "listening", port, local });
    if (this.#tcp && port.main && port.family === 4 && port.transport !== "tcp") this.#join(port, local.port, out);
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

  #settled(out: Outbox<ServerEvent>): void {
    this.#awaited--;
    if (this.#awaited === 0) out.emit({ type: "ready" });
  }
}
