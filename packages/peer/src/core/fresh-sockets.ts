/**
 * Fresh sockets for the direct path, against the early packet clash: a probe that reached a NAT before its inner peer
 * had sent makes that NAT give the peer another port, as long as probes keep the entry alive. A new socket is a new
 * 5-tuple. At most one is in use; three are tried one behind the other, and later one a minute.
 */
import type { Address, PortId } from "@fractal-punch/machine";
import type { Out, PeerContext } from "./context.ts";
import { type LinkOwner, ServerLink } from "./server-link.ts";
import { freshSocketGapMs, maxFreshSockets } from "./timing.ts";

export interface FreshSocketUser {
  /** The socket is open and its public address is known; `attempt` counts the sockets, from 0. */
  ready(now: number, link: ServerLink, attempt: number, out: Out): void;
  /** The socket before it was closed. */
  retired(port: PortId): void;
}

export class FreshSockets {
  readonly #context: PeerContext;
  readonly #user: FreshSocketUser;
  #nextPort: PortId;
  #tried = 0;
  /** How many may be tried at the time of the last one. */
  #allowance = maxFreshSockets;
  #openedAtMs = 0;
  #current: ServerLink | undefined;

  constructor(context: PeerContext, user: FreshSocketUser, firstPort: PortId) {
    this.#context = context;
    this.#user = user;
    this.#nextPort = firstPort;
  }

  link(port: PortId): ServerLink | undefined {
    return this.#current?.port === port ? this.#current : undefined;
  }

  links(): ServerLink[] {
    return this.#current?.mapped ? [this.#current] : [];
  }

  /** Opens one beside the first of `links` that has a public address, unless enough were tried. */
  open(now: number, links: readonly ServerLink[], out: Out): void {
    const beside = links.find((link) => link.mapped);
    const allowance = Math.min(this.#allowance + (now - this.#openedAtMs) / freshSocketGapMs, maxFreshSockets);
    if (!beside || allowance < 1) return;
    this.#retire(out);
    this.#allowance = allowance - 1;
    this.#openedAtMs = now;
    const attempt = this.#tried++;
    const port = this.#nextPort++;
    this.#current = new ServerLink(this.#context, ownerOf(this.#user, attempt), port, beside.server);
    out.openPort(port, { family: beside.family, port: 0 });
  }

  /** True when the port is one of these. */
  opened(now: number, port: PortId, local: Address, out: Out): boolean {
    const link = this.link(port);
    if (!link) return false;
    link.opened(local);
    link.check(now, out);
    return true;
  }

  failed(port: PortId): boolean {
    if (!this.link(port)) return false;
    this.#current = undefined;
    return true;
  }

  close(out: Out): void {
    this.#retire(out);
  }

  #retire(out: Out): void {
    if (!this.#current) return;
    this.#current.close();
    out.closePort(this.#current.port);
    this.#user.retired(this.#current.port);
    this.#current = undefined;
  }
}

function ownerOf(user: FreshSocketUser, attempt: number): LinkOwner {
  return {
    addressKnown: (now, link, out) => user.ready(now, link, attempt, out),
    addressChanged: (now, link, out) => user.ready(now, link, attempt, out),
    serverRestarted: () => undefined,
    serverSilent: () => undefined,
  };
}
