/**
 * One socket's relation to the server: requests and their answers, the mapped address, the round trip, and the
 * keepalive that holds the NAT's mapping open and tells when address or server changed.
 */
import { type Address, type Deadline, type PortId, sameAddress, sameIp, withPort } from "@fractal-punch/machine";
import {
  asciiText,
  decodeBound,
  encodeBinding,
  MessageClass,
  type NatMapping,
  type StunMessage,
} from "@fractal-punch/wire";
import type { Out, PeerContext, Sleeper } from "./context.ts";
import type { InterfaceAddress } from "./events.ts";
import { firstTimeoutMs, keepaliveMs } from "./timing.ts";
import { Transaction, type TransactionRequest } from "./transaction.ts";

const bindingPatienceMs = 5000;
const slowTimeoutMs = 500;

/** Who a link tells. */
export interface LinkOwner {
  /** The socket's public address is known for the first time. */
  addressKnown(now: number, link: ServerLink, out: Out): void;
  /** The NAT gave the socket another public address. */
  addressChanged(now: number, link: ServerLink, out: Out): void;
  /** The server's epoch is another one: it may have lost its state. A hint, no proof. */
  serverRestarted(now: number, link: ServerLink, out: Out): void;
  /** A keepalive was not answered. */
  serverSilent(now: number, link: ServerLink, out: Out): void;
}

export type LinkRequest = Omit<TransactionRequest, "port" | "to" | "timeoutMs"> & { readonly to?: Address };

export class ServerLink implements Sleeper {
  readonly port: PortId;
  /** The socket's own address, once it is open. */
  local: Address | undefined;
  /** As the server sees the socket. */
  mapped: Address | undefined;
  /** No UDP gets through to the server: `mapped` is the address of a TLS connection. */
  blocked = false;
  rttMs: number | undefined;
  #server: Address;
  #secondMapped: Address | undefined;
  /** What both ports of the server saw last; it says how the NAT maps as long as this is its public IP address. */
  #stable: Address | undefined;
  /** Asked, too, whenever the first answers with another address. */
  #secondPort: number | undefined;
  #epoch: string | undefined;
  readonly #context: PeerContext;
  readonly #owner: LinkOwner;
  readonly #pending = new Map<string, Transaction>();
  readonly #keepalive: Deadline<Sleeper>;

  constructor(context: PeerContext, owner: LinkOwner, port: PortId, server: Address) {
    this.#context = context;
    this.#owner = owner;
    this.port = port;
    this.#server = server;
    this.#keepalive = context.deadlines.create(this, "keepalive");
  }

  get server(): Address {
    return this.#server;
  }

  get family(): 4 | 6 {
    return this.#server.family;
  }

  /** The server is at another address now; all that was known of it is void. False when it is the same. */
  moveTo(server: Address): boolean {
    if (sameAddress(server, this.#server)) return false;
    this.close();
    this.#server = server;
    this.mapped = undefined;
    this.rttMs = undefined;
    this.#secondMapped = undefined;
    this.#stable = undefined;
    this.#epoch = undefined;
    return true;
  }

  opened(local: Address): void {
    this.local = local;
  }

  /** Retransmission starts from the known round trip. */
  get timeoutMs(): number {
    return this.rttMs === undefined ? firstTimeoutMs : Math.max(firstTimeoutMs / 3, 1.5 * this.rttMs);
  }

  request(now: number, request: LinkRequest, out: Out): Transaction {
    const forget = (): boolean => this.#pending.delete(asciiText(transaction.id));
    const transaction = new Transaction(this.#context, {
      port: this.port,
      to: this.server,
      timeoutMs: this.rttMs === undefined ? slowTimeoutMs : Math.max(slowTimeoutMs / 5, 2 * this.rttMs),
      ...request,
      answered: (at, message, through) => {
        forget();
        this.learnRtt(transaction.rttMs(at));
        request.answered(at, message, through);
      },
      givenUp: (at, through) => {
        forget();
        request.givenUp(at, through);
      },
    });
    this.#pending.set(asciiText(transaction.id), transaction);
    transaction.start(now, out);
    return transaction;
  }

  /** Takes an answer to one of this link's requests; false when it is none. */
  receive(now: number, message: StunMessage, out: Out): boolean {
    if (message.messageClass !== MessageClass.success && message.messageClass !== MessageClass.error) return false;
    const transaction = this.#pending.get(asciiText(message.transactionId));
    transaction?.answered(now, message, out);
    return transaction !== undefined;
  }

  /** Asks on the server's second port too, which tells whether the NAT gives each destination a port of its own. */
  profile(now: number, secondPort: number, out: Out): void {
    this.#secondPort = secondPort;
    this.#secondMapped = undefined;
    const to = withPort(this.server, secondPort);
    const request = {
      to,
      patienceMs: bindingPatienceMs,
      encode: (id: Uint8Array): Uint8Array => encodeBinding(this.#context.builder, id, false),
      answered: (_: number, message: StunMessage): void => {
        this.#secondMapped = decodeBound(message)?.mapped;
        this.#noteStable();
      },
      givenUp: (): void => {
        this.#secondMapped = undefined;
      },
    };
    this.request(now, request, out);
  }

  /**
   * How the NAT maps this socket. `interfaces`: this machine's own addresses. One that has mapped it alike for both ports
   * and now does not has lost one of the two mappings, and the port was not free when it was made anew.
   */
  mapping(interfaces: readonly InterfaceAddress[]): NatMapping {
    const { mapped } = this;
    if (this.blocked) return "blocked";
    if (!mapped) return "unknown";
    const own = interfaces.some(({ address }) => sameIp(address, mapped));
    if (own && mapped.port === this.local?.port) return "none";
    if (!this.#secondMapped) return "unknown";
    return this.#stable && sameIp(mapped, this.#stable) ? "stable" : "varying";
  }

  learnRtt(sampleMs: number | undefined): void {
    if (sampleMs === undefined) return;
    this.rttMs = this.rttMs === undefined ? sampleMs : this.rttMs + (sampleMs - this.rttMs) / 8;
  }

  /** Takes in what any answer of the server says of us and of it. */
  learn(now: number, mapped: Address, epoch: Uint8Array | undefined, out: Out): void {
    const before = this.mapped;
    const epochBefore = this.#epoch;
    this.mapped = mapped;
    this.#noteStable();
    if (epoch) this.#epoch = asciiText(epoch);
    this.#context.deadlines.set(this.#keepalive, now + keepaliveMs);
    if (!before) this.#known(now, out);
    else if (!sameAddress(before, mapped)) this.#moved(now, out);
    else if (epochBefore !== undefined && epochBefore !== this.#epoch) this.#owner.serverRestarted(now, this, out);
  }

  /** Asks the server now whether it is there, and whether anything changed. */
  check(now: number, out: Out): void {
    this.#context.deadlines.clear(this.#keepalive);
    const request: LinkRequest = {
      patienceMs: bindingPatienceMs,
      encode: (id) => encodeBinding(this.#context.builder, id, true),
      answered: (at, message, through) => {
        const bound = decodeBound(message);
        if (bound) this.learn(at, bound.mapped, bound.epoch, through);
        else this.#context.deadlines.set(this.#keepalive, at + keepaliveMs);
      },
      givenUp: (at, through) => {
        this.#context.deadlines.set(this.#keepalive, at + bindingPatienceMs);
        this.#owner.serverSilent(at, this, through);
      },
    };
    this.request(now, request, out);
  }

  /** The second port may have answered long before, to a socket whose address was another one. */
  #known(now: number, out: Out): void {
    if (this.#secondPort !== undefined && this.#secondMapped && !this.#stable) this.profile(now, this.#secondPort, out);
    this.#owner.addressKnown(now, this, out);
  }

  #noteStable(): void {
    const { mapped } = this;
    if (mapped && this.#secondMapped && sameAddress(mapped, this.#secondMapped)) this.#stable = mapped;
  }

  #moved(now: number, out: Out): void {
    if (this.#secondPort !== undefined) this.profile(now, this.#secondPort, out);
    this.#owner.addressChanged(now, this, out);
  }

  wake(now: number, _reason: string, out: Out): void {
    this.check(now, out);
  }

  close(): void {
    for (const transaction of this.#pending.values()) transaction.stop();
    this.#pending.clear();
    this.#context.deadlines.clear(this.#keepalive);
  }
}
