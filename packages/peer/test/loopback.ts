/** A real server on 127.0.0.1, and hosts and clients that use it through the public API, all closed when the test ends. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, mkdir } from "node:fs/promises";
import path from "node:path";
import type { TestContext } from "node:test";
import { addressText } from "@fractal-punch/machine";
import {
  Connection,
  type ConnectOptions,
  connect,
  type InviteBook,
  inviteTextFor,
  type Listener,
  type ListenOptions,
  listen,
  PunchError,
} from "@fractal-punch/peer";
import { mintHostTicket, type RunningServer, readSecret, type ServeOptions, serve } from "@fractal-punch/server";
import { inviteFromText, type Ticket, ticketFromText, ticketText } from "@fractal-punch/wire";
import { temporaryFolder } from "./node/temporary-folder.ts";

const hourSeconds = 3600;

export class Loopback {
  readonly server: RunningServer;
  readonly #folder: string;
  readonly #secret: string;
  readonly #onEnd: (close: () => Promise<void>) => void;
  #hosts = 0;

  private constructor(t: TestContext, server: RunningServer, folder: string, secret: string) {
    this.server = server;
    this.#folder = folder;
    this.#secret = secret;
    this.#onEnd = (close) => t.after(close);
  }

  static async start(t: TestContext, options: Partial<ServeOptions> = {}): Promise<Loopback> {
    const folder = await temporaryFolder(t);
    const stateFolder = path.join(folder, "server");
    const server = await startServer({ stateFolder, ...options });
    t.after(() => server.close());
    return new Loopback(t, server, folder, await readSecret(options.stateFolder ?? stateFolder));
  }

  /** As people write it. */
  get address(): string {
    return addressOf(this.server);
  }

  ticket(expiresInSeconds: number = hourSeconds, secret: string = this.#secret): string {
    return ticketText(mintHostTicket(secret, "desk", Math.floor(Date.now() / 1000) + expiresInSeconds));
  }

  /** A folder for a host of its own. */
  newFolder(): string {
    return path.join(this.#folder, `host-${this.#hosts++}`);
  }

  /** The key and invites of a host, as a backup brings them to another machine. */
  async copyOf(folder: string): Promise<string> {
    const copy = this.newFolder();
    await mkdir(copy, { mode: 0o700 });
    for (const name of ["host.key", "invites.json"]) await copyFile(path.join(folder, name), path.join(copy, name));
    return copy;
  }

  /** A host; not registered yet. */
  async listen(options: Partial<ListenOptions> = {}): Promise<Listener> {
    const own = { server: this.address, ticket: this.ticket(), folder: this.newFolder() };
    const listener = await listen({ ...own, ...options });
    this.#onEnd(() => listener.close());
    return listener;
  }

  /** A host that can be reached. */
  async reachable(options: Partial<ListenOptions> = {}): Promise<Listener> {
    const listener = await this.listen(options);
    await registrationOf(listener);
    return listener;
  }

  async connect(invite: string, options: ConnectOptions = {}): Promise<Connection> {
    const connection = await connect(invite, { folder: path.join(this.#folder, "client"), ...options });
    this.#onEnd(() => connection.close());
    return connection;
  }

  /** A session, as its two ends see it. */
  async pair(listener: Listener, options: ConnectOptions = {}): Promise<{ client: Connection; host: Connection }> {
    const session = sessionOf(listener);
    const client = await this.connect(listener.invite, options);
    return { client, host: await session };
  }
}

export function startServer(options: Partial<ServeOptions> & { stateFolder: string }): Promise<RunningServer> {
  return serve({
    listen: ["127.0.0.1"],
    port: 0,
    secondPort: null,
    tls: null,
    publicNames: ["127.0.0.1"],
    onEvent: () => undefined,
    ...options,
  });
}

function addressOf(server: RunningServer): string {
  const [address] = server.listening;
  assert(address);
  return addressText(address);
}

/** A further invite of a host, from the book in its folder; `hostTicket` as the host has it. */
export async function addInvite(
  book: InviteBook,
  listener: Listener,
  hostTicket: string,
  name: string,
): Promise<string> {
  const standing = inviteFromText(listener.invite);
  assert(typeof standing !== "string");
  const entry = await book.add({ name });
  return inviteTextFor(entry, { ...standing, ticket: ticketOf(hostTicket) });
}

/** The next session of a listener. */
export async function sessionOf(listener: Listener): Promise<Connection> {
  const [connection] = await once(listener, "session", inTime());
  assert(connection instanceof Connection);
  return connection;
}

export async function registrationOf(listener: Listener): Promise<void> {
  await once(listener, "registered", inTime());
}

/** The error that ends a listener, once it has closed. */
export async function errorOf(listener: Listener): Promise<PunchError> {
  const [error] = await once(listener, "error", inTime());
  assert(error instanceof PunchError);
  await once(listener, "close", inTime());
  return error;
}

/** The next datagram, as text. */
export async function messageOf(connection: Connection): Promise<string> {
  const [data] = await once(connection, "message", inTime());
  return textOf(data);
}

/** Waits for the end of a session; gives the error, if there was one. */
export async function endOf(connection: Connection): Promise<unknown> {
  const [error] = await once(connection, "close", inTime());
  return error;
}

/** Waits until the session is direct. */
export async function directOf(connection: Connection): Promise<void> {
  while (connection.path.kind !== "direct") await once(connection, "path", inTime());
}

export function textOf(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** For what is awaited: a test that waits in vain fails, and does not hang. */
export function inTime(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(10_000) };
}

/** The sockets and timers that keep this process running, once there are none but `wanted`; fails when others stay. */
export async function onlyOpen(wanted: readonly string[]): Promise<void> {
  const until = performance.now() + 5000;
  // A closed socket is listed for some turns of the event loop more.
  while (openResources().join() !== wanted.join()) {
    assert(performance.now() < until, `open are ${openResources().join(", ")} instead of ${wanted.join(", ")}`);
    await turn();
  }
}

export function openResources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => name === "UDPWrap" || name === "Timeout")
    .toSorted();
}

/** Lets the event loop turn once. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function ticketOf(text: string): Ticket {
  const ticket = ticketFromText(text);
  assert(ticket);
  return ticket;
}
