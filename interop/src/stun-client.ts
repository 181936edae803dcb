/**
 * Asks somebody else's server as our peers ask ours, with a Binding, or for a relayed address: with the wire's writers and
 * readers, on the driver that our programs run on.
 */
import {
  type Address,
  type DatagramInfo,
  type DriverCommand,
  equalBytes,
  type Machine,
  type Outbox,
  type PortId,
  randomBytes,
  withPort,
} from "@fractal-punch/machine";
import { nodePrimitives, systemRandom } from "@fractal-punch/udp/primitives";
import {
  Attribute,
  ErrorCode,
  encodeBinding,
  errorCodeOf,
  integritySha1Matches,
  longTermKey,
  MessageClass,
  Method,
  StunBuilder,
  StunMessage,
  Transport,
  textOf,
  xorAddress,
} from "@fractal-punch/wire";

const port: PortId = 1;
/** The server may be starting. */
const repeatMs = 250;

export interface Told {
  /** As the client's own system knows it. */
  readonly local: Address;
  readonly mapped: Address | undefined;
  readonly relayed: Address | undefined;
  /** Of an error response. */
  readonly code: number | undefined;
  readonly hasFingerprint: boolean;
  /** MESSAGE-INTEGRITY is there, and the user's. */
  readonly hasIntegrity: boolean;
}

export interface TurnUser {
  readonly username: string;
  readonly password: string;
}

export class StunClient implements Machine<never, Told> {
  readonly #server: Address;
  readonly #user: TurnUser | undefined;
  readonly #builder = new StunBuilder();
  readonly #answer = new StunMessage();
  #id: Uint8Array = new Uint8Array(12);
  #local: Address | undefined;
  #key: Uint8Array | undefined;
  #question: Uint8Array = new Uint8Array(0);
  #repeatsAt = Infinity;

  /** With a user it asks for a relayed address. */
  constructor(server: Address, user?: TurnUser) {
    this.#server = server;
    this.#user = user;
  }

  command(now: number, command: DriverCommand, out: Outbox<Told>): void {
    if (command.type === "clock" && this.#local === undefined)
      out.openPort(port, { family: this.#server.family, port: 0, local: withPort(this.#server, 0) });
    if (command.type !== "port-opened") return;
    this.#local = command.local;
    if (this.#user === undefined) this.#ask(now, encodeBinding(this.#builder, this.#newId(), true), out);
    else this.#ask(now, this.#beginAllocate().fingerprint().bytes(), out);
  }

  receive(now: number, _: PortId, _from: Address, bytes: Uint8Array, _info: DatagramInfo, out: Outbox<Told>): void {
    const answer = this.#answer;
    if (answer.load(bytes) !== undefined || !equalBytes(answer.transactionId, this.#id)) return;
    const code = errorCodeOf(answer);
    if (code === ErrorCode.unauthenticated && this.#key === undefined && this.#user !== undefined)
      return this.#prove(now, this.#user, out);
    this.#repeatsAt = Infinity;
    if (this.#local === undefined) return;
    out.emit({
      local: this.#local,
      mapped: xorAddress(answer, Attribute.xorMappedAddress),
      relayed: xorAddress(answer, Attribute.xorRelayedAddress),
      code,
      hasFingerprint: answer.has(Attribute.fingerprint),
      hasIntegrity: this.#key !== undefined && integritySha1Matches(nodePrimitives, this.#key, answer),
    });
  }

  wake(now: number, out: Outbox<Told>): void {
    if (this.#repeatsAt <= now) this.#ask(now, this.#question, out);
  }

  nextWake(): number {
    return this.#repeatsAt;
  }

  /** Asks again with what the challenge says (RFC 8489 section 9.2.3). */
  #prove(now: number, { username, password }: TurnUser, out: Outbox<Told>): void {
    const realm = textOf(this.#answer, Attribute.realm) ?? "";
    const nonce = this.#answer.value(Attribute.nonce) ?? new Uint8Array(0);
    this.#key = longTermKey(nodePrimitives, "md5", username, realm, password);
    const builder = this.#beginAllocate().text(Attribute.username, username);
    builder.text(Attribute.realm, realm).attribute(Attribute.nonce, nonce).integritySha1(nodePrimitives, this.#key);
    this.#ask(now, builder.fingerprint().bytes(), out);
  }

  #beginAllocate(): StunBuilder {
    this.#builder.begin(MessageClass.request, Method.allocate, this.#newId());
    return this.#builder.u32(Attribute.requestedTransport, Transport.udp * 0x100_0000);
  }

  #newId(): Uint8Array {
    this.#id = randomBytes(systemRandom, 12);
    return this.#id;
  }

  #ask(now: number, question: Uint8Array, out: Outbox<Told>): void {
    this.#question = question.slice();
    this.#repeatsAt = now + repeatMs;
    out.send(port, this.#server, question);
  }
}
