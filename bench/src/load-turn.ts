/** One TURN client of a load: allocates with the two requests that it takes (RFC 8656 section 7), binds channels, and lets go again. */
import type { Address } from "@fractal-punch/machine";
import { nodePrimitives } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  errorCodeOf,
  longTermKey,
  MessageClass,
  Method,
  StunBuilder,
  StunMessage,
  type Ticket,
  Transport,
  textOf,
  xorAddress,
} from "@fractal-punch/wire";
import type { LoadLine } from "./load-socket.ts";
import { randomOf } from "./randomness.ts";

const builder = new StunBuilder();
const message = new StunMessage();

/** What the server wants to be asked with. */
interface Challenge {
  readonly realm: string;
  readonly nonce: Uint8Array;
}

export class LoadTurn {
  readonly #socket: LoadLine;
  readonly #ticket: Ticket;
  #challenge: Challenge | undefined;
  #relayed: Address | undefined;
  #isAllocating = false;
  /** What was asked for is done. */
  onDone: () => void = () => undefined;

  constructor(socket: LoadLine, ticket: Ticket) {
    this.#socket = socket;
    this.#ticket = ticket;
    this.listen();
  }

  /** Again, where another took what comes to its socket meanwhile. */
  listen(): void {
    this.#socket.receiver = (bytes) => this.#receive(bytes);
  }

  /** Known once `allocate` is done. */
  get relayed(): Address | undefined {
    return this.#relayed;
  }

  allocate(): void {
    this.#isAllocating = true;
    this.#socket.send(this.askBytes());
  }

  /** Only has the server say what it wants to be asked with. */
  ask(): void {
    this.#isAllocating = false;
    this.#socket.send(this.askBytes());
  }

  /** The first request of the two. */
  askBytes(): Uint8Array {
    return this.#bytes(Method.allocate, undefined, addTransport);
  }

  /** The second one, once `ask` is done. */
  allocateBytes(): Uint8Array {
    return this.#bytes(Method.allocate, this.#challenge, addTransport);
  }

  bind(channel: number, peer: Address): void {
    const add = (): StunBuilder => builder.channel(channel).xorAddress(Attribute.xorPeerAddress, peer);
    this.#socket.send(this.#bytes(Method.channelBind, this.#challenge, add));
  }

  release(): void {
    this.#socket.send(this.#bytes(Method.refresh, this.#challenge, addNoLifetime));
  }

  close(): void {
    this.#socket.close();
  }

  #receive(bytes: Uint8Array): void {
    if (message.load(bytes) !== undefined) return;
    const code = errorCodeOf(message);
    if (code === undefined) {
      this.#relayed ??= xorAddress(message, Attribute.xorRelayedAddress);
      return this.onDone();
    }
    if (code !== 401 || message.method !== Method.allocate) throw new Error(`a TURN request was refused with ${code}`);
    const nonce = message.value(Attribute.nonce)?.slice() ?? new Uint8Array(0);
    this.#challenge = { realm: textOf(message, Attribute.realm) ?? "", nonce };
    if (this.#isAllocating) this.#socket.send(this.allocateBytes());
    else this.onDone();
  }

  #bytes(method: number, challenge: Challenge | undefined, addWhat: () => void): Uint8Array {
    builder.begin(MessageClass.request, method, randomOf(12));
    addWhat();
    if (challenge !== undefined) this.#prove(challenge);
    return builder.fingerprint().bytes().slice();
  }

  #prove({ realm, nonce }: Challenge): void {
    const { username, password } = this.#ticket;
    builder.text(Attribute.username, username).text(Attribute.realm, realm).attribute(Attribute.nonce, nonce);
    builder.integritySha1(nodePrimitives, longTermKey(nodePrimitives, "md5", username, realm, password));
  }
}

function addTransport(): void {
  builder.u32(Attribute.requestedTransport, Transport.udp * 0x100_0000);
}

function addNoLifetime(): void {
  builder.u32(Attribute.lifetime, 0);
}
