/** One TURN client of a load: allocates with the two requests that it takes (RFC 8656 section 7). */

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
} from "@fractal-punch/wire";
import type { LoadSocket } from "./load-socket.ts";
import { randomOf } from "./randomness.ts";

const builder = new StunBuilder();
const message = new StunMessage();

export class LoadTurn {
  readonly #socket: LoadSocket;
  readonly #ticket: Ticket;
  onAllocated: () => void = () => undefined;

  constructor(socket: LoadSocket, ticket: Ticket) {
    this.#socket = socket;
    this.#ticket = ticket;
    socket.receiver = (bytes) => this.#receive(bytes);
  }

  allocate(): void {
    this.#socket.send(this.#begin().fingerprint().bytes());
  }

  close(): void {
    this.#socket.close();
  }

  #receive(bytes: Uint8Array): void {
    if (message.load(bytes) !== undefined || message.method !== Method.allocate) return;
    const code = errorCodeOf(message);
    if (code === undefined) return this.onAllocated();
    if (code !== 401) throw new Error(`an Allocate was refused with ${code}`);
    const realm = textOf(message, Attribute.realm) ?? "";
    const { username, password } = this.#ticket;
    const nonce = message.value(Attribute.nonce)?.slice() ?? new Uint8Array(0);
    this.#begin().text(Attribute.username, username).text(Attribute.realm, realm).attribute(Attribute.nonce, nonce);
    builder.integritySha1(nodePrimitives, longTermKey(nodePrimitives, "md5", username, realm, password));
    this.#socket.send(builder.fingerprint().bytes());
  }

  #begin(): StunBuilder {
    builder.begin(MessageClass.request, Method.allocate, randomOf(12));
    return builder.u32(Attribute.requestedTransport, Transport.udp * 0x100_0000);
  }
}
