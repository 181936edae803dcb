/** The old programs that use UDP: they ask the server for each other, and then send each other datagrams. */
import {
  type Address,
  addressKey,
  type DriverCommand,
  type Machine,
  type Outbox,
  type PortId,
  sameAddress,
} from "@fractal-punch/machine";
import { asciiBytes, asciiText } from "@fractal-punch/wire";
import { peerIn } from "./old-requests.ts";

export interface OldProgramOptions {
  readonly server: Address;
  readonly request: Uint8Array;
  /** How long until it is sent again; once only when not given. */
  readonly repeatMs?: number;
  /** Goes on repeating when it has met somebody: a cloud computer that stays known. */
  readonly staysKnown?: boolean;
  /** The local port; any when not given. */
  readonly port?: number;
}

export type OldEvent =
  /** What the server sent. */
  | { readonly type: "answer"; readonly bytes: Uint8Array }
  /** The peer hears this program, and this program hears the peer. */
  | { readonly type: "met"; readonly peer: Address };

interface Peer {
  readonly address: Address;
  hears: boolean;
  isHeard: boolean;
}

const socket: PortId = 1;
const helloMs = 200;
const hello = "hello";
const reply = "I hear you";

export class OldProgram implements Machine<never, OldEvent> {
  readonly #options: OldProgramOptions;
  readonly #peers: Map<number | string, Peer> = new Map();
  #requestsAt = Infinity;
  #greetsAt = Infinity;

  constructor(options: OldProgramOptions) {
    this.#options = options;
  }

  receive(now: number, _port: PortId, from: Address, bytes: Uint8Array, _info: unknown, out: Outbox<OldEvent>): void {
    if (sameAddress(from, this.#options.server)) this.#told(now, bytes, out);
    else this.#heard(from, asciiText(bytes), out);
  }

  wake(now: number, out: Outbox<OldEvent>): void {
    if (now >= this.#requestsAt) this.#request(now, out);
    if (now >= this.#greetsAt) this.#greet(now, out);
  }

  command(now: number, command: DriverCommand, out: Outbox<OldEvent>): void {
    if (command.type === "clock") out.openPort(socket, { family: 4, port: this.#options.port ?? 0 });
    if (command.type === "port-opened") this.#request(now, out);
  }

  nextWake(): number {
    return Math.min(this.#requestsAt, this.#greetsAt);
  }

  #request(now: number, out: Outbox<OldEvent>): void {
    const { server, request, repeatMs = Infinity } = this.#options;
    out.send(socket, server, request);
    this.#requestsAt = now + repeatMs;
  }

  #told(now: number, bytes: Uint8Array, out: Outbox<OldEvent>): void {
    out.emit({ type: "answer", bytes });
    const address = peerIn(bytes);
    if (address === undefined || this.#peers.has(addressKey(address))) return;
    this.#peers.set(addressKey(address), { address, hears: false, isHeard: false });
    this.#greet(now, out);
  }

  #greet(now: number, out: Outbox<OldEvent>): void {
    const strangers = [...this.#peers.values()].filter((peer) => !hasMet(peer));
    for (const { address } of strangers) out.send(socket, address, asciiBytes(hello));
    this.#greetsAt = strangers.length > 0 ? now + helloMs : Infinity;
  }

  #heard(from: Address, words: string, out: Outbox<OldEvent>): void {
    const peer = this.#peers.get(addressKey(from));
    if (peer === undefined) return;
    const knew = hasMet(peer);
    if (words === reply) peer.isHeard = true;
    else out.send(socket, from, asciiBytes(reply));
    peer.hears = true;
    if (knew || !hasMet(peer)) return;
    out.emit({ type: "met", peer: from });
    if (this.#options.staysKnown !== true) this.#requestsAt = Infinity;
  }
}

function hasMet({ hears, isHeard }: Peer): boolean {
  return hears && isHeard;
}
