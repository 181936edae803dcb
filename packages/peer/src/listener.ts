/** `listen`: this process as a host. */
import { EventEmitter, on } from "node:events";
import { join } from "node:path";
import { addressText } from "@fractal-punch/machine";
import { abilities } from "@fractal-punch/udp";
import { systemRandom } from "@fractal-punch/udp/primitives";
import {
  hostIdText,
  type Ticket,
  type TlsEntrance,
  ticketEndsAtMs,
  ticketFromText,
  ticketScope,
} from "@fractal-punch/wire";
import { firstOfEach, secondPort, tlsOf } from "./connect.ts";
import { Connection, type Wiring } from "./connection.ts";
import type { PeerEvent } from "./core/events.ts";
import type { IssuedInvite } from "./core/greeting.ts";
import { Host, type HostCommand } from "./core/host.ts";
import type { KeyPair } from "./core/noise.ts";
import { PunchError } from "./errors.ts";
import { serverRefusal, unreachableText } from "./failure.ts";
import { configFolder, makeFolder } from "./node/config-folder.ts";
import { readOrMakeKey } from "./node/identity.ts";
import { InterfaceWatcher } from "./node/interfaces.ts";
import { InviteBook, inviteTextFor } from "./node/invite-book.ts";
import { type InviteEntry, inviteIdText } from "./node/invite-file.ts";
import { resolveServer, type ServerAddresses, serverFromText } from "./node/resolver.ts";
import { loadPrimitives } from "./node/sodium.ts";
import { PeerDriver, wantedDriver } from "./peer-driver.ts";

export interface ListenOptions {
  /** A name or an address, with `:port` when it is not 48800; an IPv6 address with a port in brackets. */
  readonly server: string;
  /** The host ticket, `username:password`, that the server's operator gave. */
  readonly ticket: string;
  /** Where key and invites are kept; the user's config folder when absent. */
  readonly folder?: string;
  /** Take early data: the client's first datagram a round trip sooner, perhaps twice. */
  readonly earlyData?: boolean;
  /** Closes the listener. */
  readonly signal?: AbortSignal;
}

interface ListenerEvents {
  registered: [where: { address: string }];
  unreachable: [what: { server: string; message: string }];
  session: [connection: Connection];
  warning: [message: string];
  error: [error: PunchError];
  close: [];
}

interface Parts {
  readonly ticket: Ticket;
  readonly keyPair: KeyPair;
  readonly book: InviteBook;
  readonly server: ServerAddresses;
  readonly host: Host;
  readonly signal: AbortSignal | undefined;
}

const dayMs = 86_400_000;
const warnBeforeMs = 14 * dayMs;
/** While the server is silent, its name is looked up again this often: it may have moved. */
const lookUpEveryMs = 15_000;

/**
 * Makes this process a host. Resolves when key, invites and sockets are there; it registers meanwhile, and goes on trying
 * as long as the server does not answer. Rejects with `PunchError`: USAGE, TICKET_INVALID, TICKET_SCOPE, KEY_FILE, FOLDER,
 * SERVER_UNRESOLVED, ABORTED.
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const ticket = readTicket(options.ticket);
  const name = serverFromText(options.server);
  const folder = options.folder ?? configFolder();
  makeFolder(folder);
  if (options.signal?.aborted) throw new PunchError("ABORTED");
  const [server, { primitives, warning }, keyPair] = await Promise.all([
    resolveServer(name),
    loadPrimitives(),
    readOrMakeKey(join(folder, "host.key")),
  ]);
  const book = await InviteBook.open(folder);
  if (options.signal?.aborted) {
    book.close();
    throw new PunchError("ABORTED");
  }
  const host = new Host({
    primitives,
    random: systemRandom,
    can: abilities[wantedDriver()],
    keyPair,
    ticket,
    servers: firstOfEach(server),
    secondPort,
    tls: tlsOf(server),
    earlyData: options.earlyData ?? false,
    invites: issued(book),
  });
  return new Listener({ ticket, keyPair, book, server, host, signal: options.signal }, warning);
}

/**
 * A host that runs. Emits `session` with each `Connection`; `registered` when it becomes reachable, again or elsewhere;
 * `unreachable` when the server is silent (it goes on trying); `warning`; and `error`, after which it has stopped: the
 * ticket was refused or has ended (TICKET_*), or the key is in use elsewhere (REPLACED).
 */
export class Listener extends EventEmitter<ListenerEvents> {
  readonly hostId: string;
  readonly #parts: Parts;
  readonly #driver: PeerDriver<HostCommand>;
  readonly #watcher = new InterfaceWatcher();
  readonly #sessions = new Map<number, Connection>();
  readonly #ticketTimer: NodeJS.Timeout;
  /** Where the server takes TLS, as it said. */
  #tls: TlsEntrance | undefined;
  #lookUpTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  readonly #onAbort = (): void => void this.close();

  /** Made by `listen`. */
  constructor(parts: Parts, warning: string | undefined) {
    super();
    this.#parts = parts;
    this.hostId = hostIdText(parts.keyPair.publicKey);
    this.#driver = new PeerDriver(parts.host, (event) => this.#take(event));
    this.#watcher.on("change", (interfaces) => this.#driver.command({ type: "interfaces", interfaces }));
    parts.book.on("change", () => this.#driver.command({ type: "invites", invites: issued(parts.book) }));
    parts.book.on("fault", (error) => this.emit("warning", error.message));
    parts.signal?.addEventListener("abort", this.#onAbort);
    this.#ticketTimer = setInterval(() => this.#warnOfTicket(), dayMs).unref();
    // Whoever called `listen` has had no chance yet to listen to events.
    setImmediate(() => {
      if (warning !== undefined) this.emit("warning", warning);
      this.#warnOfTicket();
    });
    this.#driver.command({ type: "interfaces", interfaces: this.#watcher.addresses });
    this.#driver.command({ type: "start" });
  }

  /**
   * The standing invite: the same at each start, as long as key, ticket and server are. Once the host is registered it
   * also says where the server takes TLS.
   */
  get invite(): string {
    return this.#inviteText(this.#parts.book.standing);
  }

  get sessions(): ReadonlySet<Connection> {
    return new Set(this.#sessions.values());
  }

  /** The sessions as they come, until the listener closes; throws the error that ended it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Connection, void, undefined> {
    if (this.#closing) return;
    for await (const [connection] of on(this, "session", { close: ["close"] })) yield connection;
  }

  /** Closes all sessions and stops; resolves when every socket is closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#driver.command({ type: "stop" });
    // Called out of an event, the command and what it leads to come only after this call.
    await Promise.resolve();
    clearInterval(this.#ticketTimer);
    clearInterval(this.#lookUpTimer);
    this.#parts.signal?.removeEventListener("abort", this.#onAbort);
    this.#parts.book.close();
    this.#watcher.close();
    await this.#driver.close();
    this.emit("close");
  }

  #take(event: PeerEvent): void {
    switch (event.type) {
      case "registered":
        clearInterval(this.#lookUpTimer);
        this.#lookUpTimer = undefined;
        this.#tls = event.tls ?? this.#tls;
        this.emit("registered", { address: addressText(event.mapped) });
        return;
      case "unreachable":
        this.#lookUpTimer ??= setInterval(() => void this.#lookUp(), lookUpEveryMs).unref();
        this.#tellUnreachable(event.tls);
        return;
      case "ended": {
        const error = serverRefusal(event.code, this.#parts.server.name);
        void this.close();
        this.emit("error", error);
        return;
      }
      case "unknown-invite":
        void this.#parts.book.refresh();
        return;
      case "session":
        this.#welcome(event.session, event.clientKey, event.inviteId);
        return;
      case "data":
      case "path":
      case "limit":
        this.#sessions.get(event.session)?.take(event);
        return;
      case "closed": {
        const connection = this.#sessions.get(event.session);
        this.#sessions.delete(event.session);
        connection?.take(event);
        return;
      }
      case "connected":
      case "failed":
      // Only clients say these.
    }
  }

  #tellUnreachable(tls: string | undefined): void {
    const server = this.#parts.server.name;
    this.emit("unreachable", { server, message: unreachableText(server, tls) });
  }

  #welcome(session: number, clientKey: Uint8Array, inviteId: Uint8Array): void {
    const wiring: Wiring = {
      send: (data) => this.#driver.send(session, data),
      close: async () => this.#driver.command({ type: "close", session, reason: "done" }),
      status: () => this.#parts.host.status(session),
    };
    const id = inviteIdText(inviteId);
    const name = this.#parts.book.list().find((entry) => inviteIdText(entry.id) === id)?.name;
    const invite = name === undefined ? { id } : { id, name };
    const connection = new Connection(wiring, { peer: hostIdText(clientKey), invite });
    this.#sessions.set(session, connection);
    this.emit("session", connection);
  }

  #inviteText(entry: InviteEntry): string {
    const { server, keyPair, ticket } = this.#parts;
    const { name, port, v4, v6 } = server;
    const servers = [{ name, port, lastKnown: [...v4, ...v6] }];
    const tls = this.#tls && { tls: this.#tls };
    return inviteTextFor(entry, { servers, ...tls, hostKey: keyPair.publicKey, ticket });
  }

  #warnOfTicket(): void {
    const leftMs = (ticketEndsAtMs(this.#parts.ticket) ?? Infinity) - Date.now();
    if (leftMs > warnBeforeMs || leftMs < 0) return;
    const days = Math.floor(leftMs / dayMs);
    const when = days === 0 ? "in less than a day" : days === 1 ? "in a day" : `in ${days} days`;
    this.emit("warning", `The ticket ends ${when}, and all invites with it. Ask the server's operator for a new one.`);
  }

  async #lookUp(): Promise<void> {
    try {
      const servers = firstOfEach(await resolveServer(this.#parts.server));
      this.#driver.command({ type: "servers", servers });
    } catch (error) {
      // The name does not resolve now either; the next look-up comes soon.
      if (!(error instanceof PunchError)) throw error;
    }
  }
}

function readTicket(text: string): Ticket {
  const ticket = ticketFromText(text.trim());
  const scope = ticket && ticketScope(ticket.username);
  if (!ticket || !scope) throw new PunchError("TICKET_INVALID");
  if (scope.kind !== "host") {
    const message =
      "This ticket is a client's, which comes inside an invite. A host needs a host ticket from the server's operator.";
    throw new PunchError("TICKET_SCOPE", message);
  }
  return ticket;
}

/** The invites as the machine wants them; the revoked too, so that their clients hear why. */
function issued(book: InviteBook): IssuedInvite[] {
  return book.list().map(({ id, secret, expiresAtMs, revokedAtMs }) => ({
    id,
    secret,
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(revokedAtMs !== undefined && { revoked: true }),
  }));
}
