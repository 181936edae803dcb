/**
 * Who may use TURN (RFC 8489 section 9.2): users whose passwords follow from the operator's secret and a username with an
 * expiry, `<expiry>[:<anything>]`, as login services mint them for coturn, and users of the configuration.
 */
import type { Digests, Macs } from "@fractal-punch/machine";
import { asciiBytes, base64UrlText, longTermKey, type PasswordAlgorithm, ticketScope } from "@fractal-punch/wire";
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

export class Credentials {
  readonly realm: string;
  readonly #options: CredentialsOptions;
  readonly #clock: Clock;
  readonly #revocations: Revocations;
  readonly #maximum: number;
  /** Keys by algorithm and username. */
  readonly #keys: Generations<string, Uint8Array>;

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
    this.#keys = new Generations(limits.ticketLifeMs);
  }

  /** `undefined` for a name that has no password here, or had one. */
  user(now: number, username: string): TurnUser | undefined {
    if (username.length > maxUsernameBytes) return undefined;
    const { primitives, secret, users } = this.#options;
    const hash = revocationHash(primitives, secret, username);
    if (this.#revocations.has(hash)) return undefined;
    const password = users.get(username);
    if (password !== undefined) return { username, expiresAtMs: Infinity, password, hash };
    const seconds = mintedForm.exec(username)?.[1];
    if (seconds === undefined || ticketScope(username) !== undefined) return undefined;
    const expiresAtMs = Number(seconds) * 1000;
    if (this.#clock.epochMs(now) >= expiresAtMs) return undefined;
    return { username, expiresAtMs, password: mintedPassword(primitives, secret, username), hash };
  }

  /** The key of a user's messages. */
  key(now: number, { username, password }: TurnUser, algorithm: PasswordAlgorithm): Uint8Array {
    const name = `${algorithm} ${username}`;
    const known = this.#keys.get(now, name);
    const key = known ?? longTermKey(this.#options.primitives, algorithm, username, this.realm, password);
    if (known === undefined && this.#keys.size >= this.#maximum) this.#keys.shed();
    this.#keys.set(now, name, key);
    return key;
  }

  isRevoked({ hash }: TurnUser): boolean {
    return this.#revocations.has(hash);
  }
}

/** What coturn's `use-auth-secret` takes: base64 with padding (RFC 4648 section 4) of HMAC-SHA1. */
export function mintedPassword(macs: Macs, secret: string, username: string): string {
  const text = base64UrlText(macs.hmacSha1(asciiBytes(secret), asciiBytes(username)));
  return `${text.replaceAll("-", "+").replaceAll("_", "/")}=`;
}
