import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket, type TlsOptions } from "node:tls";
import { type Address, type AddressKey, prefixKey } from "@fractal-punch/machine";
import type { DriverCounters, DropWord } from "./counters.ts";
import { monotonicNow } from "./primitives.ts";

/** What a server shows of itself, as PEM; `cert` may be followed by its chain. */
export interface TlsIdentity {
  readonly key: string;
  readonly cert: string;
}

/** Of a handshake, whatever comes of it in the meantime. */
const deadlineMs = 10_000;

/** Handshakes under way, each of 30 kB. One more from a network closes its oldest, and one more in all the oldest of all. */
const maxUnderWay = 1_024;
const maxPerNetwork = 64;

/**
 * Handshakes begun in `windowMs`. Each takes 0.7 ms of one core, so that half of it is left for what is there already
 * when everybody comes at once; a network's share is what the server takes of streams.
 */
const windowMs = 5_000;
const maxBegun = 2_500;
const maxBegunPerNetwork = 100;

/** How much of an address names a network, in bits. */
const networkBits = { 4: 24, 6: 56 } as const;

/** Nobody is asked for a certificate, so that there is no need to load all authorities (30 ms, 1.5 MB). */
const settings: TlsOptions = { minVersion: "TLSv1.2", ca: [] };

interface Handshake {
  readonly tcp: Socket;
  readonly tuple: string;
  readonly network: AddressKey;
  readonly deadline: NodeJS.Timeout;
  readonly onDone: (tls: TLSSocket) => void;
}

/** Does the handshakes of all ports of a driver, and bounds what strangers can make it hold and do before they are known. */
export class TlsAcceptor {
  readonly #counters: DriverCounters;
  readonly #server: Server;
  /** By both ends' addresses; the oldest first. */
  readonly #underWay = new Map<string, Handshake>();
  readonly #begun = new Map<AddressKey, number>();
  #begunInAll = 0;
  #windowEndsAt = 0;

  /** Throws what node:tls does when key and certificate are none, or not of one another. */
  constructor(identity: TlsIdentity, counters: DriverCounters) {
    this.#counters = counters;
    this.#server = createServer({ ...identity, ...settings });
    this.#server.on("secureConnection", (tls) => this.#done(tls));
    this.#server.on("tlsClientError", (_, tls) => tls.destroy());
  }

  /** For handshakes from now on. Throws as the constructor does. */
  replace(identity: TlsIdentity): void {
    this.#server.setSecureContext({ ...identity, ...settings });
  }

  /** Calls back when the handshake is done; closes the connection when it fails, or takes more than 10 s. */
  accept(tcp: Socket, from: Address, onDone: (tls: TLSSocket) => void): void {
    const network = prefixKey(from, networkBits[from.family]);
    tcp.on("error", () => undefined); // "close" follows.
    if (!this.#mayBegin(network)) {
      this.#counters.drop("handshake-rate");
      return void tcp.resetAndDestroy();
    }
    this.#makeRoom(network);
    const tuple = tupleOf(tcp);
    // The system may hand out the tuple anew before this process has heard of the older one's end.
    this.#end(this.#underWay.get(tuple), "handshake-failed");
    const deadline = setTimeout(() => this.#end(handshake, "handshake-late"), deadlineMs).unref();
    const handshake: Handshake = { tcp, tuple, network, deadline, onDone };
    this.#underWay.set(tuple, handshake);
    tcp.once("close", () => this.#end(handshake, "handshake-failed"));
    this.#server.emit("connection", tcp);
  }

  #mayBegin(network: AddressKey): boolean {
    const now = monotonicNow();
    if (now >= this.#windowEndsAt) {
      this.#windowEndsAt = now + windowMs;
      this.#begun.clear();
      this.#begunInAll = 0;
    }
    const begun = this.#begun.get(network) ?? 0;
    if (begun >= maxBegunPerNetwork || this.#begunInAll >= maxBegun) return false;
    this.#begun.set(network, begun + 1);
    this.#begunInAll++;
    return true;
  }

  #makeRoom(network: AddressKey): void {
    const ofNetwork = [...this.#underWay.values()].filter((handshake) => handshake.network === network);
    if (ofNetwork.length >= maxPerNetwork) this.#end(ofNetwork[0], "handshake-made-room");
    const [oldest] = this.#underWay.values();
    if (this.#underWay.size >= maxUnderWay) this.#end(oldest, "handshake-made-room");
  }

  /** Does nothing when it has ended before. */
  #end(handshake: Handshake | undefined, reason: DropWord): void {
    if (handshake === undefined || !this.#forget(handshake)) return;
    this.#counters.drop(reason);
    handshake.tcp.resetAndDestroy();
  }

  #done(tls: TLSSocket): void {
    const handshake = this.#underWay.get(tupleOf(tls));
    // The far end is gone already, or took too long in this very turn.
    if (handshake === undefined || !this.#forget(handshake)) return void tls.destroy();
    // TLS 1.2 lets a client ask for handshake after handshake; node:tls then leaves it to us to end it.
    tls.disableRenegotiation();
    tls.on("error", () => tls.destroy());
    handshake.onDone(tls);
  }

  #forget(handshake: Handshake): boolean {
    if (this.#underWay.get(handshake.tuple) !== handshake) return false;
    clearTimeout(handshake.deadline);
    return this.#underWay.delete(handshake.tuple);
  }
}

function tupleOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
