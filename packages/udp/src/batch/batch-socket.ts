import { addressWords } from "@fractal-punch/machine";
import type { DropWord } from "../counters.ts";
import type { LoneDatagram } from "./lone-datagram.ts";
import type { Manner, Sender } from "./outgoing-messages.ts";
import type { Pollable } from "./poller.ts";
import { setWhole } from "./socket.ts";
import type { SocketIo } from "./socket-io.ts";
import { errorName } from "./system-calls.ts";

/** Datagrams that wait in this process, behind a full buffer of the system's: more would only be late. */
const maxWaiting = 256;

export interface SocketOwner {
  /** One datagram of the message that `SocketIo.received` has read last: its bytes in the arena. */
  take(now: number, message: number, segment: number, start: number, end: number): void;
  drop(word: DropWord): void;
  /** Datagrams were lost for the system's reason. */
  fail(code: string): void;
}

/** A descriptor of a UDP socket, read and written by one thread. */
export class BatchSocket implements Pollable, Sender {
  readonly fd: number;
  segments: boolean;
  isOpen = true;
  readonly #io: SocketIo;
  readonly #owner: SocketOwner;
  /** Otherwise another thread reads it, and this one only writes. */
  readonly #isRead: boolean;
  readonly #waiting: LoneDatagram[] = [];
  #isWhole = false;
  readonly #manner = { ecn: 0, ttl: 0, isWhole: false, local: new Uint32Array(addressWords) };

  constructor(fd: number, segments: boolean, isRead: boolean, io: SocketIo, owner: SocketOwner) {
    this.fd = fd;
    this.segments = segments;
    this.#io = io;
    this.#owner = owner;
    this.#isRead = isRead;
    if (isRead) io.add(this);
  }

  /** What `ForwardOutbox` asks for. */
  pass(ecn: number, routes: Uint32Array, at: number, start: number, end: number): void {
    this.#io.outgoing.pass(this, routes, at, this.#mannerOf(ecn, routes, at), start, end);
  }

  passBehind(ecn: number, routes: Uint32Array, at: number, head: number, start: number, end: number): void {
    this.#io.outgoing.passBehind(this, routes, at, this.#mannerOf(ecn, routes, at), head, start, end);
  }

  /** From now on it is left alone; the descriptor can be closed. */
  stop(): void {
    if (!this.isOpen) return;
    this.#io.outgoing.flush();
    this.isOpen = false;
    if (this.#isRead) this.#io.remove(this);
  }

  keepWhole(family: 4 | 6, isWhole: boolean): string | undefined {
    if (isWhole === this.#isWhole) return undefined;
    const fault = setWhole(this.#io.calls, this.fd, family, isWhole);
    if (fault === undefined) this.#isWhole = isWhole;
    return fault;
  }

  wait(datagram: LoneDatagram): void {
    if (!this.#isRead || this.#waiting.length >= maxWaiting) return this.#owner.drop("send-queue-full");
    if (this.#waiting.length === 0) this.#io.watchWritable(this, true);
    this.#waiting.push(datagram);
  }

  failed(code: string): void {
    this.#owner.fail(code);
  }

  writable(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const failure = this.#io.outgoing.sendAlone(this, first);
      if (failure === "EAGAIN") return;
      if (failure !== undefined) this.#owner.fail(failure);
      this.#waiting.shift();
    }
    if (this.isOpen) this.#io.watchWritable(this, false);
  }

  readable(): void {
    const { received, outgoing } = this.#io;
    if (!this.isOpen) return;
    // What was passed on of the datagrams before lies where the next ones will.
    outgoing.flush();
    const count = received.fill(this.fd);
    if (count < 0) return this.#failedToReceive(errorName(-count));
    const now = this.#io.now();
    for (let i = 0; i < count && this.isOpen; i++) {
      if (received.read(i)) this.#takeMessage(now, i);
      else this.#owner.drop("source-unusable");
    }
  }

  #takeMessage(now: number, message: number): void {
    const { start, end, segmentBytes } = this.#io.received;
    let at = start;
    let segment = 0;
    do {
      const next = Math.min(at + segmentBytes, end);
      this.#owner.take(now, message, segment++, at, next);
      at = next;
    } while (at < end && this.isOpen);
  }

  #failedToReceive(code: string): void {
    if (code !== "EAGAIN" && code !== "EINTR") this.#owner.fail(code);
  }

  #mannerOf(ecn: number, routes: Uint32Array, at: number): Manner {
    const manner = this.#manner;
    manner.ecn = ecn;
    for (let i = 0; i < addressWords; i++) manner.local[i] = routes[at + addressWords + i] ?? 0;
    return manner;
  }
}
