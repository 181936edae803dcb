/** One host of a load: registers, refreshes, and takes introductions (docs/protocol.md sections 4 and 5). */
import { type Address, hkdfSha256, type PeerPrimitives } from "@fractal-punch/machine";
import {
  Attribute,
  asciiBytes,
  clientUsername,
  decodeIntroduction,
  encodeRefresh,
  encodeRegister,
  encodeRegisterAsk,
  errorCodeOf,
  hostIdText,
  type Introduction,
  integrityMatches,
  MessageClass,
  Method,
  StunBuilder,
  StunMessage,
  type Ticket,
  ticketPassword,
} from "@fractal-punch/wire";
import type { LoadLine } from "./load-socket.ts";
import { randomOf } from "./randomness.ts";

const registrationInfo = asciiBytes("fractal-punch registration");
const builder = new StunBuilder();
const message = new StunMessage();

const nothing = (): void => {};

export class LoadHost {
  readonly #primitives: PeerPrimitives;
  readonly #socket: LoadLine;
  readonly #server: Address;
  readonly #ticket: Ticket;
  readonly #secretKey = randomOf(32);
  readonly #publicKey: Uint8Array;
  readonly #instance = randomOf(8);
  #sequence = 0;
  #key: Uint8Array = new Uint8Array(0);
  /** It was registered, or refreshed. */
  onRegistered: () => void = nothing;
  /** A signed Introduce came. */
  onIntroduced: (introduction: Introduction) => void = nothing;
  /** What is no STUN message. */
  onRelayed: (bytes: Uint8Array) => void = nothing;

  constructor(primitives: PeerPrimitives, socket: LoadLine, server: Address, ticket: Ticket) {
    this.#primitives = primitives;
    this.#socket = socket;
    this.#server = server;
    this.#ticket = ticket;
    this.#publicKey = primitives.publicKey(this.#secretKey);
    socket.receiver = (bytes) => this.#receive(bytes);
  }

  register(): void {
    this.#socket.send(encodeRegisterAsk(builder, randomOf(12), this.#publicKey));
  }

  refresh(): void {
    this.#socket.send(this.refreshBytes());
  }

  /** To be sent before the next one is made. */
  refreshBytes(): Uint8Array {
    const signature = { macs: this.#primitives, key: this.#key };
    return encodeRefresh(builder, randomOf(12), this.#fields(), signature).slice();
  }

  relay(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  /** One that ends so much earlier than the host's own is another one. */
  mintClientTicket(earlierSeconds = 0): Ticket {
    const { username: ownUsername, password: ownPassword } = this.#ticket;
    const endsAt = Number(ownUsername.split(":")[0]) - earlierSeconds;
    const username = clientUsername(endsAt, hostIdText(this.#publicKey), ownUsername);
    return { username, password: ticketPassword(this.#primitives, ownPassword, username) };
  }

  close(): void {
    this.#socket.close();
  }

  #receive(bytes: Uint8Array): void {
    if (message.load(bytes) !== undefined) return this.onRelayed(bytes);
    const { method, messageClass } = message;
    if (method === Method.register && messageClass === MessageClass.error) return this.#prove();
    if (!integrityMatches(this.#primitives, this.#key, message)) throw new Error("the server signed with another key");
    if (method === Method.register) return this.onRegistered();
    const introduction = decodeIntroduction(message);
    if (introduction !== undefined) this.onIntroduced(introduction);
  }

  #prove(): void {
    const nonce = message.value(Attribute.nonce)?.slice();
    const serverKey = message.fixed(Attribute.serverKey, 32);
    const dh = serverKey && this.#primitives.dh(this.#secretKey, serverKey);
    if (!nonce || !dh) throw new Error(`the server refused a registration: ${errorCodeOf(message)}`);
    this.#key = hkdfSha256(this.#primitives, dh, this.#instance, registrationInfo);
    const proof = { ...this.#fields(), username: this.#ticket.username, nonce, dialled: this.#server };
    const signature = { macs: this.#primitives, key: asciiBytes(this.#ticket.password) };
    this.#socket.send(encodeRegister(builder, randomOf(12), proof, dh, signature));
  }

  #fields(): { hostKey: Uint8Array; instance: Uint8Array; sequence: number } {
    return { hostKey: this.#publicKey, instance: this.#instance, sequence: ++this.#sequence };
  }
}
