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
  /** What was asked for is done. */
  onDone: () => void = () => undefined;

  constructor(socket: LoadLine, ticket: Ticket) {
    this.#socket = socket;
    this.#ticket = ticket;
    socket.receiver = (bytes) => this.#receive(bytes);
  }

  /** Known once `allocate` is done. */
  get relayed(): Address | undefined {
    return this.#relayed;
  }

  allocate(): void {
    this.#send(Method.allocate, undefined, addTransport);
  }

  bind(channel: number, peer: Address): void {
    this.#send(Method.channelBind, this.#challenge, () =>
      builder.channel(channel).xorAddress(Attribute.xorPeerAddress, peer),
    );
  }

  release(): void {
    this.#send(Method.refresh, this.#challenge, addNoLifetime);
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
    this.#send(message.method, this.#challenge, addTransport);
  }

  #send(method: number, challenge: Challenge | undefined, addWhat: () => void): void {
    builder.begin(MessageClass.request, method, randomOf(12));
    addWhat();
    if (challenge !== undefined) this.#prove(challenge);
    this.#socket.send(builder.fingerprint().bytes());
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
