/** A peer's sockets, one for each address family that the server has, and what they make of this machine's addresses. */
import { type Address, addressScope, type PortId, withPort } from "@fractal-punch/machine";
import type { Candidate, NatProfile } from "@fractal-punch/wire";
import type { Out, PeerContext } from "./context.ts";
import { OwnAddresses } from "./own-addresses.ts";
import type { Route } from "./route.ts";
import { type LinkOwner, ServerLink } from "./server-link.ts";

export class Sockets {
  readonly own: OwnAddresses = new OwnAddresses();
  readonly #links = new Map<PortId, ServerLink>();
  /** Ports that were asked for and are neither open nor failed yet. */
  #awaited = 0;

  /** Asks for the sockets; `servers` has at most one address for each family. */
  open(context: PeerContext, owner: LinkOwner, servers: readonly Address[], out: Out): void {
    for (const [index, server] of servers.entries()) {
      const port = index + 1;
      this.#links.set(port, new ServerLink(context, owner, port, server));
      this.#awaited++;
      out.openPort(port, { family: server.family, port: 0 });
    }
  }

  opened(port: PortId, local: Address): ServerLink | undefined {
    const link = this.#links.get(port);
    if (!link) return undefined;
    this.#awaited--;
    link.opened(local);
    return link;
  }

  failed(port: PortId): void {
    if (this.#links.delete(port)) this.#awaited--;
  }

  /** Whether every socket is open or will not be. */
  get settled(): boolean {
    return this.#awaited === 0;
  }

  get links(): readonly ServerLink[] {
    return [...this.#links.values()];
  }

  link(port: PortId): ServerLink | undefined {
    return this.#links.get(port);
  }

  /** The open socket of a family. */
  ofFamily(family: 4 | 6): ServerLink | undefined {
    return this.links.find((link) => link.family === family && link.local);
  }

  candidates(): Candidate[] {
    return this.own.candidates(this.links);
  }

  profile(): NatProfile {
    return this.own.profile(this.links);
  }

  /** This end's address on that route, for people; `link`: the route's. */
  localAddress(route: Route, link: ServerLink | undefined): Address | undefined {
    const local = link?.local;
    if (!local || addressScope(local) !== "unspecified") return local;
    if (addressScope(route.remote) === "loopback") return withPort(route.remote, local.port);
    return this.own.towards(route.remote, local.port) ?? local;
  }

  /** The server is at other addresses now; gives the links that this concerns. */
  moveServer(servers: readonly Address[]): ServerLink[] {
    return this.links.filter((link) => {
      const server = servers.find(({ family }) => family === link.family);
      return server !== undefined && link.moveTo(server);
    });
  }

  close(out: Out): void {
    for (const [port, link] of this.#links) {
      link.close();
      out.closePort(port);
    }
    this.#links.clear();
  }
}
