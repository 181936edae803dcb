/**
 * A machine's fresh sockets: each is for the direct path of one session, beside the sockets that register and relay. A
 * session has one at most, in the place of the one before.
 */
import type { Address, Deadline, PortId } from "@fractal-punch/machine";
import type { Out, PeerContext, Sleeper } from "./context.ts";
import { type LinkOwner, ServerLink } from "./server-link.ts";
import { freshSocketLifeMs } from "./timing.ts";

export interface FreshSocketUser {
  /** The socket is open, and `mapped` is its public address. */
  socketReady(now: number, link: ServerLink, mapped: Address, out: Out): void;
  /** Whether a path over it is proven. */
  usesSocket(port: PortId): boolean;
  /** It was closed. */
  socketClosed(port: PortId): void;
}

export class FreshSockets {
  readonly #context: PeerContext;
  readonly #max: number;
  readonly #sockets = new Map<PortId, FreshSocket>();
  #nextPort: PortId;

  /** `max`: how many there may be at once. */
  constructor(context: PeerContext, firstPort: PortId, max: number) {
    this.#context = context;
    this.#nextPort = firstPort;
    this.#max = max;
  }

  link(port: PortId): ServerLink | undefined {
    return this.#sockets.get(port)?.link;
  }

  /** Opens one beside the socket of `beside`, of the same family, and learns its address from the same server. */
  open(user: FreshSocketUser, beside: ServerLink, out: Out): void {
    this.closeOf(user, out);
    if (this.#sockets.size >= this.#max) return;
    const port = this.#nextPort++;
    const { server, family } = beside;
    const retire = (socket: FreshSocket, through: Out): void => this.#close(socket, through);
    this.#sockets.set(port, new FreshSocket(this.#context, { user, port, server, retire }));
    out.openPort(port, { family, port: 0 });
  }

  /** True when the port is one of these. */
  opened(now: number, port: PortId, local: Address, out: Out): boolean {
    const socket = this.#sockets.get(port);
    socket?.opened(now, local, out);
    return socket !== undefined;
  }

  failed(port: PortId): boolean {
    return this.#sockets.delete(port);
  }

  closeOf(user: FreshSocketUser, out: Out): void {
    for (const socket of this.#sockets.values()) if (socket.user === user) this.#close(socket, out);
  }

  #close(socket: FreshSocket, out: Out): void {
    const { port } = socket.link;
    socket.close();
    this.#sockets.delete(port);
    out.closePort(port);
    socket.user.socketClosed(port);
  }
}

interface FreshSocketParts {
  readonly user: FreshSocketUser;
  readonly port: PortId;
  readonly server: Address;
  /** Has this socket closed. */
  readonly retire: (socket: FreshSocket, out: Out) => void;
}

class FreshSocket implements LinkOwner, Sleeper {
  readonly user: FreshSocketUser;
  readonly link: ServerLink;
  readonly #context: PeerContext;
  readonly #retire: FreshSocketParts["retire"];
  readonly #deadline: Deadline<Sleeper>;

  constructor(context: PeerContext, { user, port, server, retire }: FreshSocketParts) {
    this.user = user;
    this.link = new ServerLink(context, this, port, server);
    this.#context = context;
    this.#retire = retire;
    this.#deadline = context.deadlines.create(this, "fresh-socket");
  }

  opened(now: number, local: Address, out: Out): void {
    this.#context.deadlines.set(this.#deadline, now + freshSocketLifeMs);
    this.link.opened(local);
    this.link.check(now, out);
  }

  /** One that no path was proven over is given up; the others are looked at again. */
  wake(now: number, _reason: string, out: Out): void {
    if (this.user.usesSocket(this.link.port)) this.#context.deadlines.set(this.#deadline, now + freshSocketLifeMs);
    else this.#retire(this, out);
  }

  close(): void {
    this.link.close();
    this.#context.deadlines.clear(this.#deadline);
  }

  // LinkOwner

  addressKnown(now: number, link: ServerLink, out: Out): void {
    const { mapped } = link;
    // Its path is kept alive by probes, and nothing else needs the server to reach it.
    link.close();
    if (mapped) this.user.socketReady(now, link, mapped, out);
  }

  addressChanged(): void {
    // The server is asked once.
  }

  serverRestarted(): void {
    // The registered sockets notice.
  }

  serverSilent(_now: number, _link: ServerLink, out: Out): void {
    this.#retire(this, out);
  }
}
