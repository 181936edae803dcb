/**
 * Admission (docs/protocol.md section 3): a ticket's password follows from the operator secret and its username, so
 * nothing is stored; the keys of tickets that were used are remembered to spare the derivation.
 */
import type { Macs } from "@fractal-punch/machine";
import {
  Attribute,
  asciiBytes,
  asciiText,
  ErrorCode,
  hostIdBytes,
  integrityMatches,
  maxUsernameBytes,
  type StunMessage,
  textOf,
  ticketPassword,
  ticketScope,
} from "@fractal-punch/wire";
import { Bucket } from "./bucket.ts";
import type { Clock } from "./clock.ts";
import { Generations } from "./generations.ts";
import type { Limits } from "./limits.ts";
import { type Refused, refused } from "./outcome.ts";
import { type Revocations, revocationHash } from "./revocations.ts";

interface AnyTicket {
  readonly username: string;
  /** Its bytes are the key; kept as text, which takes a fifth of the memory. */
  readonly password: string;
  /** What stands for it in lists of revocations; made when there are any. */
  hash: string | undefined;
  /** The earlier of its own and its minter's. */
  readonly expiresAtMs: number;
  /** Anybody can mint it, so an address must be proven before it is served. */
  readonly open: boolean;
}

export interface HostTicket extends AnyTicket {
  readonly kind: "host";
  readonly name: string;
}

export interface ClientTicket extends AnyTicket {
  readonly kind: "client";
  readonly hostId: string;
  /** The host's public key, one character a byte. */
  readonly host: string;
  /** The host's ticket that it was derived from; absent when the operator minted it. */
  readonly minter: HostTicket | undefined;
  readonly connects: Bucket;
  readonly introductions: Bucket;
}

export type KnownTicket = HostTicket | ClientTicket;

/** A ticket whose holder asks, and the key that signs the answer. */
export interface Admitted {
  readonly ticket: KnownTicket;
  readonly key: Uint8Array;
}

/** Host tickets of this name are minted with `openSecret`, where the server's access is open. */
export const openName = "open";
export const openSecret = "open";

export class Tickets {
  readonly #macs: Macs;
  readonly #secret: string;
  readonly #open: boolean;
  readonly #clock: Clock;
  readonly #revocations: Revocations;
  readonly #known: Generations<string, KnownTicket>;
  readonly #maximum: number;

  constructor(macs: Macs, secret: string, open: boolean, clock: Clock, revocations: Revocations, limits: Limits) {
    this.#macs = macs;
    this.#secret = secret;
    this.#open = open;
    this.#clock = clock;
    this.#revocations = revocations;
    this.#known = new Generations(limits.ticketLifeMs);
    this.#maximum = limits.tickets;
  }

  get size(): number {
    return this.#known.size;
  }

  /** The ticket that signed the message, if it is good now. */
  admit(now: number, message: StunMessage): Admitted | Refused {
    const username = textOf(message, Attribute.username);
    if (username === undefined || username.length > maxUsernameBytes) return refused(ErrorCode.ticketWrong);
    const known = this.#known.get(now, username);
    const ticket = known ?? this.#derive(now, username);
    if (ticket === undefined) return refused(ErrorCode.ticketWrong);
    const key = asciiBytes(ticket.password);
    if (!integrityMatches(this.#macs, key, message)) return refused(ErrorCode.ticketWrong);
    this.#remember(now, ticket);
    // A host uses its own only when it registers anew, its clients' are derived from it all the time.
    if (known === undefined && ticket.kind === "client" && ticket.minter !== undefined)
      this.#remember(now, ticket.minter);
    if (this.hasExpired(now, ticket)) return refused(ErrorCode.ticketExpired, key);
    if (this.isRevoked(ticket)) return refused(ErrorCode.ticketRevoked, key);
    return { ticket, key };
  }

  hasExpired(now: number, ticket: KnownTicket): boolean {
    return this.#clock.epochMs(now) >= ticket.expiresAtMs;
  }

  isRevoked(ticket: KnownTicket): boolean {
    if (this.#revocations.size === 0) return false;
    ticket.hash ??= revocationHash(this.#macs, this.#secret, ticket.username);
    if (this.#revocations.has(ticket.hash)) return true;
    return ticket.kind === "client" && ticket.minter !== undefined && this.isRevoked(ticket.minter);
  }

  #remember(now: number, ticket: KnownTicket): void {
    if (this.#known.size >= this.#maximum && !this.#known.get(now, ticket.username)) this.#known.shed();
    this.#known.set(now, ticket.username, ticket);
  }

  #derive(now: number, username: string): KnownTicket | undefined {
    const scope = ticketScope(username);
    if (scope === undefined) return undefined;
    const expiresAtMs = scope.expirySeconds * 1000;
    if (scope.kind === "host") return this.#deriveHost(username, scope.name, expiresAtMs);
    const hostKey = hostIdBytes(scope.hostId);
    if (hostKey === undefined) return undefined;
    const host = asciiText(hostKey);
    const { hostUsername, hostId } = scope;
    const minter = hostUsername === undefined ? undefined : this.#ticket(now, hostUsername);
    const byHost = minter?.kind === "host" ? minter : undefined;
    return {
      kind: "client",
      username,
      password: ticketPassword(this.#macs, byHost?.password ?? this.#secret, username),
      hash: undefined,
      expiresAtMs: Math.min(expiresAtMs, byHost?.expiresAtMs ?? Infinity),
      open: byHost?.open ?? false,
      hostId,
      host,
      minter: byHost,
      connects: new Bucket(),
      introductions: new Bucket(),
    };
  }

  #ticket(now: number, username: string): KnownTicket | undefined {
    return this.#known.get(now, username) ?? this.#derive(now, username);
  }

  #deriveHost(username: string, name: string, expiresAtMs: number): HostTicket {
    const open = this.#open && name === openName;
    const password = ticketPassword(this.#macs, open ? openSecret : this.#secret, username);
    return { kind: "host", username, password, hash: undefined, expiresAtMs, open, name };
  }
}
