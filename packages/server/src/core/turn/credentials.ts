/**
 * Who may use TURN (RFC 8489 section 9.2): users whose passwords follow from the operator's secret and a username with an
 * expiry, `<expiry>[:<anything>]`, as login services mint them for coturn, and users of the configuration.
 */
import type { Digests, Macs } from "@fractal-punch/machine";
import {
  asciiBytes,
  asciiText,
  base64UrlText,
  longTermKey,
  type PasswordAlgorithm,
  ticketScope,
  userhashOf,
} from "@fractal-punch/wire";
import type { Clock } from "../clock.ts";
import { Generations } from "../generations.ts";
import { type Revocations, revocationHash } from "../revocations.ts";

export interface CredentialsOptions {
  readonly primitives: Macs & Digests;
  /** The operator's. */
  readonly secret: string;
  readonly realm: string;
  /** Passwords by username. */
  readonly users: ReadonlyMap<string, string>;
}

/** Somebody whose password the server knows. */
export interface TurnUser {
  readonly username: string;
  /** ms since 1970; `Infinity` for users of the configuration. */
  readonly expiresAtMs: number;
  readonly password: string;
  readonly hash: string;
}

const mintedForm = /^([0-9]{1,12})(?::.*)?$/;
/** RFC 8489 section 14.3. */
const maxUsernameBytes = 508;

/** As it is remembered: with the keys that were asked for. */
interface KnownUser extends TurnUser {
  readonly keys: Map<PasswordAlgorithm, Uint8Array>;
}

export class Credentials {
  readonly realm: string;
  readonly #options: CredentialsOptions;
  readonly #clock: Clock;
  readonly #revocations: Revocations;
  readonly #maximum: number;
  readonly #known: Generations<string, KnownUser>;
  /** Names of the configuration's users, by what USERHASH says. */
  readonly #hashedNames: ReadonlyMap<string, string>;

  constructor(
    options: CredentialsOptions,
    clock: Clock,
    revocations: Revocations,
    limits: { readonly tickets: number; readonly ticketLifeMs: number },
  ) {
    this.realm = options.realm;
    this.#options = options;
    this.#clock = clock;
    this.#revocations = revocations;
    this.#maximum = limits.tickets;
    this.#known = new Generations(limits.ticketLifeMs);
    const { primitives, realm, users } = options;
    this.#hashedNames = new Map(
      Array.from(users.keys(), (name) => [asciiText(userhashOf(primitives, name, realm)), name]),
    );
  }

  /** The name behind a USERHASH, if it is one of the configuration's. */
  hashedName(hash: Uint8Array): string | undefined {
    return this.#hashedNames.get(asciiText(hash));
  }

  /** `undefined` for a name that has no password here, or had one. */
  user(now: number, username: string): TurnUser | undefined {
    const user = this.#known.get(now, username) ?? this.#derive(username);
    if (user === undefined || this.isRevoked(user) || this.#clock.epochMs(now) >= user.expiresAtMs) return undefined;
    return user;
  }

  /** The key of a user's messages. Remembered with the user, once the user has shown to know it. */
  key(user: TurnUser, algorithm: PasswordAlgorithm): Uint8Array {
    const { username, password } = user;
    const known = isKnown(user) ? user.keys.get(algorithm) : undefined;
    return known ?? longTermKey(this.#options.primitives, algorithm, username, this.realm, password);
  }

  /** The user has proven itself with that key. */
  remember(now: number, user: TurnUser, algorithm: PasswordAlgorithm, key: Uint8Array): void {
    const { username } = user;
    const known = this.#known.get(now, username) ?? { ...user, keys: new Map<PasswordAlgorithm, Uint8Array>() };
    known.keys.set(algorithm, key);
    if (this.#known.size >= this.#maximum && !this.#known.get(now, username)) this.#known.shed();
    this.#known.set(now, username, known);
  }

  isRevoked({ hash }: TurnUser): boolean {
    return this.#revocations.has(hash);
  }

  #derive(username: string): TurnUser | undefined {
    if (username.length > maxUsernameBytes) return undefined;
    const { primitives, secret, users } = this.#options;
    const hash = revocationHash(primitives, secret, username);
    const password = users.get(username);
    if (password !== undefined) return { username, expiresAtMs: Infinity, password, hash };
    const seconds = mintedForm.exec(username)?.[1];
    if (seconds === undefined || ticketScope(username) !== undefined) return undefined;
    return {
      username,
      expiresAtMs: Number(seconds) * 1000,
      password: mintedPassword(primitives, secret, username),
      hash,
    };
  }
}

function isKnown(user: TurnUser): user is KnownUser {
  return "keys" in user;
}

/** What coturn's `use-auth-secret` takes: base64 with padding (RFC 4648 section 4) of HMAC-SHA1. */
export function mintedPassword(macs: Macs, secret: string, username: string): string {
  const text = base64UrlText(macs.hmacSha1(asciiBytes(secret), asciiBytes(username)));
  return `${text.replaceAll("-", "+").replaceAll("_", "/")}=`;
}
