/** A host makes itself reachable through one server address, and keeps it so (docs/protocol.md section 4). */
import { type Deadline, hkdfSha256, randomBytes } from "@fractal-punch/machine";
import {
  Attribute,
  asciiBytes,
  decodeRegistered,
  ErrorCode,
  encodeLeave,
  encodeRefresh,
  encodeRegister,
  encodeRegisterAsk,
  errorCodeOf,
  integrityMatches,
  MessageClass,
  type Registered,
  type Signature,
  type StunMessage,
  type Ticket,
} from "@fractal-punch/wire";
import { newTransactionId, type Out, type PeerContext, type Sleeper } from "./context.ts";
import type { KeyPair } from "./noise.ts";
import type { ServerLink } from "./server-link.ts";
import { registerRefreshMs } from "./timing.ts";
import type { Transaction } from "./transaction.ts";

const patienceMs = 3000;
const retryMs = 2000;
const maxProofs = 3;
const finalCodes: ReadonlySet<number> = new Set([
  ErrorCode.ticketWrong,
  ErrorCode.ticketExpired,
  ErrorCode.ticketRevoked,
  ErrorCode.ticketScope,
  ErrorCode.replaced,
]);

/** What the registrations of one host process have in common, whatever the address family. */
export class HostIdentity {
  readonly keyPair: KeyPair;
  readonly ticket: Ticket;
  /** Random, once for each process. */
  readonly instance: Uint8Array;
  #sequence = 0;

  constructor(context: PeerContext, keyPair: KeyPair, ticket: Ticket) {
    this.keyPair = keyPair;
    this.ticket = ticket;
    this.instance = randomBytes(context.random, 8);
  }

  nextSequence(): number {
    return ++this.#sequence;
  }
}

export interface RegistrationOwner {
  /** `begins`: for the first time, after a loss, or from another address; else it was refreshed. */
  registered(now: number, registered: Registered, begins: boolean, out: Out): void;
  /** The server does not answer; it is asked again every few seconds. */
  unreachable(now: number, out: Out): void;
  /** Refused or ended for good. */
  registrationEnded(now: number, code: ErrorCode, out: Out): void;
}

interface Challenge {
  readonly nonce: Uint8Array;
  readonly dh: Uint8Array;
}

export class Registration implements Sleeper {
  readonly link: ServerLink;
  registered = false;
  /** Signs refreshes and the server's notices; there once the server's key is known. */
  key: Uint8Array | undefined;
  readonly #context: PeerContext;
  readonly #owner: RegistrationOwner;
  readonly #identity: HostIdentity;
  readonly #deadline: Deadline<Sleeper>;
  #request: Transaction | undefined;
  /** Proofs sent since the last success; a server that goes on asking for one is asked less often. */
  #proofs = 0;
  /** Since when nothing has been answered, by whatever ways it was asked. */
  #silentSinceMs = Infinity;

  constructor(context: PeerContext, owner: RegistrationOwner, identity: HostIdentity, link: ServerLink) {
    this.#context = context;
    this.#owner = owner;
    this.#identity = identity;
    this.link = link;
    this.#deadline = context.deadlines.create(this, "register");
  }

  /** Registers, or refreshes: with the registration key if there is one, and from the beginning if that is refused. */
  start(now: number, out: Out): void {
    // A way to the server that changes again and again would begin each request anew, and none would be given up.
    if (now - this.#silentSinceMs >= patienceMs) this.#missed(now, out);
    const { key } = this;
    const hostKey = this.#identity.keyPair.publicKey;
    if (!key) {
      this.#ask(now, (id) => encodeRegisterAsk(this.#context.builder, id, hostKey), out);
      return;
    }
    const encode = (id: Uint8Array): Uint8Array =>
      encodeRefresh(this.#context.builder, id, this.#fields(), this.#signature(key));
    this.#ask(now, encode, out);
  }

  /** Whether the message is signed with the registration key. */
  authentic(message: StunMessage): boolean {
    return this.key !== undefined && integrityMatches(this.#context.primitives, this.key, message);
  }

  /** Registers now, unless that is under way. */
  check(now: number, out: Out): void {
    if (this.#request === undefined) this.start(now, out);
  }

  /** Begins anew, with a server that knows nothing of this host. */
  restart(now: number, out: Out): void {
    this.registered = false;
    this.key = undefined;
    this.#silentSinceMs = Infinity;
    this.start(now, out);
  }

  /** Tells the server that the host goes, once: if that is lost, the registration lapses. */
  leave(out: Out): void {
    this.stop();
    const { key, link } = this;
    if (!this.registered || !key) return;
    const { builder } = this.#context;
    const id = newTransactionId(this.#context);
    out.send(link.port, link.server, encodeLeave(builder, id, this.#fields(), this.#signature(key)));
  }

  stop(): void {
    this.#request?.stop();
    this.#request = undefined;
    this.#context.deadlines.clear(this.#deadline);
  }

  wake(now: number, _reason: string, out: Out): void {
    this.start(now, out);
  }

  #ask(now: number, encode: (id: Uint8Array) => Uint8Array, out: Out): void {
    this.stop();
    this.#silentSinceMs = Math.min(this.#silentSinceMs, now);
    this.#request = this.link.request(
      now,
      {
        patienceMs,
        encode,
        answered: (at, message, through) => this.#answered(at, message, through),
        givenUp: (at, through) => this.#unanswered(at, through),
      },
      out,
    );
  }

  #answered(now: number, message: StunMessage, out: Out): void {
    this.#request = undefined;
    this.#silentSinceMs = Infinity;
    if (message.messageClass === MessageClass.success) {
      this.#succeeded(now, message, out);
      return;
    }
    const code = errorCodeOf(message);
    const challenge = this.#challengeOf(message);
    if (
      (code === ErrorCode.unauthenticated || code === ErrorCode.staleNonce) &&
      challenge &&
      this.#proofs < maxProofs
    ) {
      this.#prove(now, challenge, out);
    } else if (code !== undefined && isFinal(code)) {
      this.stop();
      this.#owner.registrationEnded(now, code, out);
    } else {
      this.#retry(now);
    }
  }

  #succeeded(now: number, message: StunMessage, out: Out): void {
    const registered = this.authentic(message) ? decodeRegistered(message) : undefined;
    if (!registered) {
      this.#retry(now);
      return;
    }
    this.#context.clock.learn(now, registered.timeMs, this.link.rttMs ?? 0);
    this.#context.deadlines.set(
      this.#deadline,
      now + Math.min(registerRefreshMs, (registered.lifetimeSeconds * 1000) / 3),
    );
    // A refresh needs no proof; whatever begins anew, here or at the server, needs one.
    const begins = this.#proofs > 0;
    this.registered = true;
    this.#proofs = 0;
    this.#owner.registered(now, registered, begins, out);
    this.link.learn(now, registered.mapped, registered.epoch, out);
  }

  /** The server's nonce and, by its key, the shared secret that proves ours. */
  #challengeOf(message: StunMessage): Challenge | undefined {
    const nonce = message.value(Attribute.nonce)?.slice();
    const serverKey = message.fixed(Attribute.serverKey, 32);
    const dh = serverKey && this.#context.primitives.dh(this.#identity.keyPair.secretKey, serverKey);
    return nonce && dh && { nonce, dh };
  }

  #prove(now: number, { nonce, dh }: Challenge, out: Out): void {
    const { ticket, instance } = this.#identity;
    this.#proofs++;
    this.key = hkdfSha256(this.#context.primitives, dh, instance, asciiBytes("fractal-punch registration"));
    const encode = (id: Uint8Array): Uint8Array => {
      const proof = { ...this.#fields(), username: ticket.username, nonce, dialled: this.link.server };
      return encodeRegister(this.#context.builder, id, proof, dh, this.#signature(asciiBytes(ticket.password)));
    };
    this.#ask(now, encode, out);
  }

  #unanswered(now: number, out: Out): void {
    this.#request = undefined;
    this.#context.deadlines.set(this.#deadline, now + retryMs);
    this.#missed(now, out);
  }

  #missed(now: number, out: Out): void {
    this.registered = false;
    this.key = undefined;
    this.#owner.unreachable(now, out);
  }

  /** Something else went wrong, such as a server that is full: from the beginning, a little later. */
  #retry(now: number): void {
    this.key = undefined;
    this.#proofs = 0;
    this.#context.deadlines.set(this.#deadline, now + retryMs);
  }

  #fields(): { hostKey: Uint8Array; instance: Uint8Array; sequence: number } {
    const { keyPair, instance } = this.#identity;
    return { hostKey: keyPair.publicKey, instance, sequence: this.#identity.nextSequence() };
  }

  #signature(key: Uint8Array): Signature {
    return { macs: this.#context.primitives, key };
  }
}

/** Whether an error code ends a registration for good. */
export function isFinal(code: number): code is ErrorCode {
  return finalCodes.has(code);
}
