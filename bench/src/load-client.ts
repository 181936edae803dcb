/** One client of a load: asks for an introduction, proves its address, and sends through its channel. */
import type { PeerPrimitives } from "@fractal-punch/machine";
import {
  asciiBytes,
  type Connected,
  type ConnectRequest,
  decodeConnected,
  encodeConnect,
  errorCodeOf,
  StunBuilder,
  StunMessage,
  type Ticket,
} from "@fractal-punch/wire";
import type { LoadLine } from "./load-socket.ts";
import { randomOf } from "./randomness.ts";

/** As long as a Noise first message with a few candidates. The server does not look inside. */
const firstMessageBytes = 220;

const builder = new StunBuilder();
const message = new StunMessage();

export class LoadClient {
  readonly #primitives: PeerPrimitives;
  readonly #socket: LoadLine;
  readonly #ticket: Ticket;
  readonly #id = randomOf(12);

  constructor(primitives: PeerPrimitives, socket: LoadLine, ticket: Ticket) {
    this.#primitives = primitives;
    this.#socket = socket;
    this.#ticket = ticket;
  }

  connect(): void {
    this.#send({ approach: { kind: "first", message: randomOf(firstMessageBytes) } });
  }

  prove(nonce: Uint8Array): void {
    this.#send({ nonce });
  }

  relay(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  /** Reads a success of `connect` or `prove`; throws for anything else. */
  connected(bytes: Uint8Array): Connected {
    const fault = message.load(bytes);
    const connected = fault === undefined ? decodeConnected(message) : undefined;
    if (connected === undefined) throw new Error(`the server refused a Connect: ${fault ?? errorCodeOf(message)}`);
    return connected;
  }

  #send(request: Omit<ConnectRequest, "username" | "timeMs">): void {
    const { username, password } = this.#ticket;
    const signature = { macs: this.#primitives, key: asciiBytes(password) };
    this.#socket.send(encodeConnect(builder, this.#id, { username, timeMs: Date.now(), ...request }, signature));
  }
}
