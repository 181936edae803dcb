/** `connect`: from an invite to a session. */
import { join } from "node:path";
import { type Address, addressText } from "@fractal-punch/machine";
import { abilities } from "@fractal-punch/udp";
import { systemRandom } from "@fractal-punch/udp/primitives";
import { hostIdText, type Invite, type InviteFault, inviteFromText, maxDatagramBytes } from "@fractal-punch/wire";
import { assertSendable, bytesOf, Connection } from "./connection.ts";
import { Client, clientSession } from "./core/client.ts";
import type { PeerCommand, PeerEvent } from "./core/events.ts";
import type { TlsOptions } from "./core/tls-stream.ts";
import { PunchError, type PunchErrorCode } from "./errors.ts";
import { connectError } from "./failure.ts";
import { configFolder } from "./node/config-folder.ts";
import { readOrMakeKey } from "./node/identity.ts";
import { InterfaceWatcher } from "./node/interfaces.ts";
import { resolveServer, type ServerAddresses, type ServerName } from "./node/resolver.ts";
import { loadPrimitives } from "./node/sodium.ts";
import { PeerDriver, wantedDriver } from "./peer-driver.ts";

export interface ConnectOptions {
  /** Ends the attempt (ABORTED) and, later, the connection. */
  readonly signal?: AbortSignal;
  /**
   * The first datagram. Up to 600 bytes travel inside the first message and save a round trip, if the host takes early
   * data; such a datagram may reach the host twice. Otherwise it is sent as soon as the session is there.
   */
  readonly earlyData?: Uint8Array | string;
  /** Where this client's key is kept; the user's config folder when absent. */
  readonly folder?: string;
}

/** The server's second port, the same everywhere. */
export const secondPort = 3478;
const defaultTlsPort = 443;

const inviteFaults: Record<InviteFault, PunchErrorCode> = {
  "not-an-invite": "INVITE_INVALID",
  version: "INVITE_VERSION",
  damaged: "INVITE_DAMAGED",
};

/**
 * Reaches the host of an invite. Resolves when the host has answered: the session is relayed then, and becomes direct as
 * soon as a direct path is proven. Rejects with `PunchError` (docs/errors.md).
 */
export async function connect(invite: string, options: ConnectOptions = {}): Promise<Connection> {
  const { signal } = options;
  const parsed = readInvite(invite);
  const earlyData = readEarlyData(options.earlyData);
  throwIfAborted(signal);
  const [server, { primitives }, keyPair] = await Promise.all([
    resolveAny(parsed),
    loadPrimitives(),
    readOrMakeKey(join(options.folder ?? configFolder(), "client.key")),
  ]);
  throwIfAborted(signal);
  const client = new Client({
    primitives,
    random: systemRandom,
    can: abilities[wantedDriver()],
    keyPair,
    invite: { hostKey: parsed.hostKey, id: parsed.id, secret: parsed.secret },
    ticket: parsed.ticket,
    servers: firstOfEach(server),
    secondPort,
    tls: { ...tlsOf(server), ...parsed.tls },
    ...(earlyData && { earlyData }),
  });
  return new ClientRun(client, parsed, server, signal).connected;
}

/** Where a server takes TLS, as long as nobody has said otherwise. */
export function tlsOf({ name }: ServerName): TlsOptions {
  return { name, port: defaultTlsPort };
}

/** At most one address for each family: all of a server's addresses lead to the same server. */
export function firstOfEach({ v4, v6 }: ServerAddresses): Address[] {
  return [v4[0], v6[0]].filter((address) => address !== undefined);
}

/** One client machine on real sockets, from `connect` to the end of its connection. */
class ClientRun {
  readonly connected: Promise<Connection>;
  readonly #client: Client;
  readonly #driver: PeerDriver<PeerCommand>;
  readonly #watcher = new InterfaceWatcher();
  readonly #invite: Invite;
  readonly #server: ServerAddresses;
  readonly #signal: AbortSignal | undefined;
  #connection: Connection | undefined;
  #settle: { resolve(connection: Connection): void; reject(error: PunchError): void } | undefined;
  readonly #onAbort = (): void => this.#aborted();

  constructor(client: Client, invite: Invite, server: ServerAddresses, signal: AbortSignal | undefined) {
    this.#client = client;
    this.#invite = invite;
    this.#server = server;
    this.#signal = signal;
    this.#driver = new PeerDriver(client, (event) => this.#take(event));
    this.connected = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    signal?.addEventListener("abort", this.#onAbort);
    this.#watcher.on("change", (interfaces) => this.#driver.command({ type: "interfaces", interfaces }));
    this.#driver.command({ type: "interfaces", interfaces: this.#watcher.addresses });
    this.#driver.command({ type: "start" });
  }

  #take(event: PeerEvent): void {
    switch (event.type) {
      case "connected":
        this.#connection = this.#newConnection(event.earlyDataTaken);
        this.#settle?.resolve(this.#connection);
        return;
      case "failed":
        this.#settle?.reject(connectError(event.failure, addressesText(this.#server), this.#invite.ticket));
        return;
      case "data":
      case "path":
      case "limit":
        this.#connection?.take(event);
        return;
      case "unreachable":
        void this.#lookUp();
        return;
      case "closed":
        this.#connection?.take(event);
        void this.#release();
        return;
      case "registered":
      case "ended":
      case "unknown-invite":
      case "session":
      // Only hosts say these.
    }
  }

  #newConnection(earlyDataTaken: boolean): Connection {
    const wiring = {
      send: (data: Uint8Array) => this.#driver.send(clientSession, data),
      close: () => this.#close(),
      status: () => this.#client.status(),
    };
    return new Connection(wiring, { peer: hostIdText(this.#invite.hostKey), earlyDataTaken });
  }

  /** The server is silent: its name may lead elsewhere now. */
  async #lookUp(): Promise<void> {
    const servers = firstOfEach(await resolveServer(this.#server, firstOfEach(this.#server)));
    this.#driver.command({ type: "servers", servers });
  }

  async #close(): Promise<void> {
    this.#driver.command({ type: "close", session: clientSession, reason: "done" });
    // Called out of an event, the command and what it leads to come only after this call.
    await Promise.resolve();
    await this.#release();
  }

  #aborted(): void {
    this.#settle?.reject(new PunchError("ABORTED"));
    void this.#close();
  }

  async #release(): Promise<void> {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#watcher.close();
    await this.#driver.close();
  }
}

function readInvite(text: string): Invite {
  const invite = inviteFromText(text);
  if (typeof invite !== "string") return invite;
  throw new PunchError(inviteFaults[invite]);
}

function readEarlyData(data: Uint8Array | string | undefined): Uint8Array | undefined {
  const bytes = data === undefined ? undefined : bytesOf(data);
  if (bytes !== undefined) assertSendable(bytes, maxDatagramBytes);
  return bytes;
}

/** The first of the invite's servers that resolves. */
async function resolveAny(invite: Invite): Promise<ServerAddresses> {
  let failure: unknown;
  for (const server of invite.servers) {
    try {
      return await resolveServer(server, server.lastKnown);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function addressesText(server: ServerAddresses): string {
  const addresses = firstOfEach(server).map(addressText).join(", ");
  return `${server.name} (${addresses})`;
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new PunchError("ABORTED");
}
