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
  /** What stands for it in lists of revocations; made when there are any. */
  hash: string | undefined;
  /** Its keys, of those algorithms with which it has proven itself. */
  readonly keys: Record<PasswordAlgorithm, Uint8Array | undefined>;
}

const mintedForm = /^([0-9]{1,12})(?::.*)?$/;
/** RFC 8489 section 14.3. */
const maxUsernameBytes = 508;

export class Credentials {
  readonly realm: string;
  readonly #options: CredentialsOptions;
  readonly #clock: Clock;
  readonly #revocations: Revocations;
  readonly #maximum: number;
  readonly #known: Generations<string, TurnUser>;
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
    const { username, password, keys } = user;
    return keys[algorithm] ?? longTermKey(this.#options.primitives, algorithm, username, this.realm, password);
  }

  /** The user has proven itself with that key. */
  remember(now: number, user: TurnUser, algorithm: PasswordAlgorithm, key: Uint8Array): void {
    const { username } = user;
    user.keys[algorithm] = key;
    if (this.#known.size >= this.#maximum && !this.#known.get(now, username)) this.#known.shed();
    this.#known.set(now, username, user);
  }

  isRevoked(user: TurnUser): boolean {
    if (this.#revocations.size === 0) return false;
    user.hash ??= revocationHash(this.#options.primitives, this.#options.secret, user.username);
    return this.#revocations.has(user.hash);
  }

  #derive(username: string): TurnUser | undefined {
    if (username.length > maxUsernameBytes) return undefined;
    const { primitives, secret, users } = this.#options;
    const own = users.get(username);
    if (own !== undefined) return userOf(username, Infinity, own);
    const seconds = mintedForm.exec(username)?.[1];
    if (seconds === undefined || ticketScope(username) !== undefined) return undefined;
    return userOf(username, Number(seconds) * 1000, mintedPassword(primitives, secret, username));
  }
}

function userOf(username: string, expiresAtMs: number, password: string): TurnUser {
  return { username, expiresAtMs, password, hash: undefined, keys: { md5: undefined, sha256: undefined } };
}

/** What coturn's `use-auth-secret` takes: base64 with padding (RFC 4648 section 4) of HMAC-SHA1. */
export function mintedPassword(macs: Macs, secret: string, username: string): string {
  const text = base64UrlText(macs.hmacSha1(asciiBytes(secret), asciiBytes(username)));
  return `${text.replaceAll("-", "+").replaceAll("_", "/")}=`;
}
