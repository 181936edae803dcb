/** Runs the server on real sockets, with its state folder. */
import { type Address, addressText, ipText, type Transport } from "@fractal-punch/machine";
import { Driver, type Counters as DriverCounters, type DriverKind, type TlsIdentity } from "@fractal-punch/udp";
import { nodePrimitives, systemRandom } from "@fractal-punch/udp/primitives";
import { CertificateWatch } from "./certificate-watch.ts";
import { type ChosenDriver, chooseDriver } from "./chosen-driver.ts";
import {
  type Access,
  type Counters,
  type Limits,
  Server,
  type ServerCommand,
  type ServerEvent,
  type Sizes,
} from "./core/index.ts";
import {
  defaultPort,
  defaultSecondPort,
  defaultTlsPort,
  isNeeded,
  isWithoutIp6,
  listenPorts,
  portError,
} from "./listen-ports.ts";
import { ownAddresses, publicAddresses, severalPublicIp4 } from "./public-addresses.ts";
import { findPublicNames, isGuess, named, type PublicNames, taught } from "./public-names.ts";
import { type Revocation, RevocationReader } from "./revocation-file.ts";
import { writeServerFile } from "./server-file.ts";
import { openStateFolder } from "./state-folder.ts";
import { type CertificateFiles, keyHashOf, openTlsIdentity, type TlsSettings } from "./tls-identity.ts";
import { type TurnSettings, turnOptions } from "./turn-options.ts";

export interface ServeOptions {
  /** Made where it is missing; `defaultStateFolder()` is where people expect it. */
  readonly stateFolder: string;
  /** IP addresses to listen on; all of the machine's when absent or empty. */
  readonly listen?: readonly string[];
  readonly port?: number;
  /** The port that only tells a peer how its NAT maps; 3478 when absent, none when `null`. */
  readonly secondPort?: number | null;
  /** Names or addresses under which others reach the server; found out when absent or empty. */
  readonly publicNames?: readonly string[];
  readonly access?: Access;
  /** Serve the classic protocols as well, over UDP and TCP; yes when absent. */
  readonly classic?: boolean;
  /** TURN, which is served when this is absent; `null` for none. */
  readonly turn?: TurnSettings | null;
  /** TLS, on all addresses; served when this is absent, `null` for none. */
  readonly tls?: TlsSettings | null;
  readonly limits?: Partial<Limits>;
  /** How UDP is read and written; the best that works here when absent. */
  readonly driver?: DriverKind;
  /** Threads that read and write UDP, the main one among them; one less than there are processors, at most 8, when absent. */
  readonly threads?: number;
  readonly onEvent: (event: ServeEvent) => void;
}

/** What the program hears: the machine's events, and those of what is around it. */
export type ServeEvent =
  | ServerEvent
  /** The first start with this folder. */
  | { readonly type: "secret-made"; readonly stateFolder: string }
  | { readonly type: "without-ip6" }
  /** How UDP is read and written, and why so; at start. */
  | { readonly type: "driver"; readonly kind: DriverKind; readonly reason: string; readonly threads: number }
  /** A forwarding thread has ended by itself; another one takes its place. */
  | { readonly type: "thread-died"; readonly error: unknown }
  /** It listens on all of the machine's addresses, and several are public. */
  | { readonly type: "several-addresses"; readonly addresses: readonly Address[] }
  /** At start, and when hosts that dialled the server taught it better. */
  | ({ readonly type: "public-names" } & PublicNames)
  /** So many were read from the state folder: at start if there are any, and whenever another process added some. */
  | { readonly type: "revocations-read"; readonly count: number }
  /** The files of the certificate have changed, and it is used from now on. */
  | { readonly type: "certificate-read"; readonly path: string }
  /** They have changed, and are no certificate with its key; the server goes on with the one before. */
  | { readonly type: "certificate-fault"; readonly error: unknown }
  /** Revocations cannot be read, or `server.json` cannot be written; the server goes on. */
  | { readonly type: "state-fault"; readonly error: unknown };

const forwardingProgram = new URL("forwarding-thread.js", import.meta.url);
/**
 * Starts a server; resolves when its main port is open. Rejects with a ServerError: STATE_FOLDER, SECRET, CERTIFICATE,
 * OPTION, PORT_IN_USE, PORT_DENIED or PORT.
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { onEvent, port = defaultPort, secondPort = defaultSecondPort } = options;
  const tls = options.tls === null ? undefined : (options.tls ?? {});
  const numbers = { main: port, second: secondPort ?? undefined, tls: tls && (tls.port ?? defaultTlsPort) };
  const ports = listenPorts(options.listen ?? [], numbers);
  const folder = await openStateFolder(options.stateFolder);
  if (folder.isNew) onEvent({ type: "secret-made", stateFolder: folder.path });
  const identity = tls && (await openTlsIdentity(tls, folder.path));
  const driver = chooseDriver(options.driver, options.threads);
  const machine = new Server({
    secret: folder.secret,
    primitives: nodePrimitives,
    random: systemRandom,
    access: options.access ?? "tickets",
    ports,
    classic: options.classic ?? true,
    ...(options.turn !== null && { turn: turnOptions(options.turn ?? {}) }),
    ...(options.limits && { limits: options.limits }),
    forwardingThreads: driver.threads - 1,
  });
  const running = new RunningServer(machine, folder.path, { ...options, ...driver }, identity, tls?.files);
  try {
    await running.start(options.publicNames ?? []);
  } catch (error) {
    await running.close();
    throw error;
  }
  return running;
}

/** A server that runs, made by `serve`. */
export class RunningServer {
  readonly #machine: Server;
  readonly #stateFolder: string;
  readonly #onEvent: (event: ServeEvent) => void;
  readonly #driver: Driver<ServerCommand, ServerEvent>;
  readonly #revocations: RevocationReader;
  readonly #certificateWatch: CertificateWatch | undefined;
  readonly #listening: Record<Transport, Address[]> = { udp: [], tcp: [], tls: [] };
  /** What could not be opened, told already. */
  readonly #notListening = new Set<string>();
  #tellReady: (() => void) | undefined;
  readonly #ready: Promise<void> = new Promise((resolve) => {
    this.#tellReady = resolve;
  });
  #fault: Error | undefined;
  #publicNames: PublicNames = named([], "interface");
  #writing: Promise<void> = Promise.resolve();
  #telling: Promise<void> = Promise.resolve();

  constructor(
    machine: Server,
    stateFolder: string,
    options: ServeOptions & ChosenDriver,
    identity: TlsIdentity | undefined,
    certificateFiles: CertificateFiles | undefined,
  ) {
    this.#machine = machine;
    this.#stateFolder = stateFolder;
    this.#onEvent = options.onEvent;
    this.#driver = this.#openDriver(options, identity);
    this.#tellDriver(options);
    this.#revocations = new RevocationReader(stateFolder);
    if (identity !== undefined) this.#driver.command({ type: "certificate", keyHash: keyHashOf(identity) });
    this.#certificateWatch = identity && certificateFiles && this.#watch(certificateFiles, identity);
  }

  /** What the main port is bound to, one address for each socket. */
  get listening(): readonly Address[] {
    return this.#listening.udp;
  }

  /** The same for TCP: empty with neither the classic protocols nor TURN, or where no port could be opened. */
  get listeningTcp(): readonly Address[] {
    return this.#listening.tcp;
  }

  /** The same for TLS. */
  get listeningTls(): readonly Address[] {
    return this.#listening.tls;
  }

  get publicNames(): PublicNames {
    return this.#publicNames;
  }

  get counters(): Counters {
    return this.#machine.counters;
  }

  /** What was received, sent and lost on this machine, datagrams and pieces of streams. */
  get driverCounters(): DriverCounters {
    return this.#driver.counters;
  }

  get sizes(): Sizes {
    return this.#machine.sizes;
  }

  async start(givenNames: readonly string[]): Promise<void> {
    this.#revoke(await this.#revocations.read());
    this.#driver.command({ type: "start" });
    await this.#ready;
    if (this.#fault !== undefined) throw this.#fault;
    this.#revocations.watch(
      (revocations) => this.#revoke(revocations),
      (error) => this.#onEvent({ type: "state-fault", error }),
    );
    const families = [...new Set(this.listening.map((address) => address.family))];
    const found = await findPublicNames(givenNames, families);
    // A host may have dialled in the meantime.
    if (!isGuess(found) || this.#publicNames.source !== "dialled") this.#learn(found);
    await this.#writing;
    await this.#telling;
  }

  /** Resolves when all sockets and files are closed. */
  async close(): Promise<void> {
    await this.#revocations.close();
    await this.#certificateWatch?.close();
    await this.#driver.close();
    await this.#writing;
  }

  #openDriver({ driver, threads }: ChosenDriver, tls: TlsIdentity | undefined): Driver<ServerCommand, ServerEvent> {
    return new Driver(this.#machine, {
      onEvent: (event) => this.#hear(event),
      driver,
      ...(tls && { tls }),
      ...(threads > 1 && {
        threads: {
          count: threads - 1,
          program: forwardingProgram,
          taskOf: (index) => this.#machine.forwardingTask(index),
          onDeath: (_, error) => this.#onEvent({ type: "thread-died", error }),
        },
      }),
    });
  }

  #tellDriver({ driver: kind, reason, threads, listen = [] }: ServeOptions & ChosenDriver): void {
    this.#onEvent({ type: "driver", kind, reason, threads });
    // The other driver answers from the address that was asked.
    const several = kind === "batch" || listen.length > 0 ? [] : severalPublicIp4(ownAddresses());
    if (several.length > 0) this.#onEvent({ type: "several-addresses", addresses: several });
  }

  #revoke(revocations: readonly Revocation[]): void {
    for (const revocation of revocations) this.#driver.command({ type: "revoke", ...revocation });
    if (revocations.length > 0) this.#onEvent({ type: "revocations-read", count: revocations.length });
  }

  #hear(event: ServerEvent): void {
    if (event.type === "listening" && event.port.main) this.#listening[event.port.transport ?? "udp"].push(event.local);
    if (event.type === "ready") this.#tellReady?.();
    if (event.type === "public-address") this.#learn(taught(this.#publicNames, event.address));
    if (event.type === "listen-failed") return this.#hearFailure(event);
    this.#onEvent(event);
  }

  #hearFailure(event: ServerEvent & { type: "listen-failed" }): void {
    const { port, code } = event;
    if (isWithoutIp6(port, code)) {
      if (isNeeded(port)) this.#onEvent({ type: "without-ip6" });
      return;
    }
    if (isNeeded(port)) this.#fault ??= portError(port, code);
    // The two families fail alike.
    const { transport = "udp", local } = port;
    const failure = `${transport} ${port.port} ${local && ipText(local)} ${code}`;
    if (!this.#notListening.has(failure)) this.#onEvent(event);
    this.#notListening.add(failure);
  }

  #watch(files: CertificateFiles, identity: TlsIdentity): CertificateWatch {
    const onIdentity = (renewed: TlsIdentity): void => {
      this.#driver.replaceTls(renewed);
      this.#driver.command({ type: "certificate", keyHash: keyHashOf(renewed) });
      this.#onEvent({ type: "certificate-read", path: files.certificate });
    };
    const onFault = (error: unknown): void => this.#onEvent({ type: "certificate-fault", error });
    return new CertificateWatch(files, identity, onIdentity, onFault);
  }

  async #tellPublicAddresses({ names }: PublicNames): Promise<void> {
    const addresses = await publicAddresses(names);
    this.#driver.command({ type: "public-addresses", addresses, own: ownAddresses() });
  }

  #learn(publicNames: PublicNames): void {
    if (publicNames === this.#publicNames) return;
    this.#publicNames = publicNames;
    this.#onEvent({ type: "public-names", ...publicNames });
    this.#telling = this.#telling.then(() => this.#tellPublicAddresses(publicNames));
    const [tls] = this.listeningTls;
    const content = {
      publicNames: publicNames.names,
      listening: this.listening.map(addressText),
      ...(tls && { tlsPort: tls.port }),
    };
    this.#writing = this.#writing
      .then(() => writeServerFile(this.#stateFolder, content))
      .catch((error: unknown) => this.#onEvent({ type: "state-fault", error }));
  }
}
