/** How many bytes the server relays for the hosts of one name: a rate, and a total until the name's ticket expires. */
import type { Deadline, Deadlines } from "@fractal-punch/machine";
import type { Clock } from "./clock.ts";
import type { Limits } from "./limits.ts";
import type { Timed } from "./timed.ts";

export class Account {
  readonly kind = "account";
  readonly name: string;
  /** Bytes of the total that are left. */
  left: number;
  /** The time at which the rate's bucket is full again. */
  fullAt: number = -Infinity;
  registrations: number = 0;
  expiresAtMs: number = 0;
  readonly deadline: Deadline<Timed>;

  constructor(name: string, left: number, deadlines: Deadlines<Timed>) {
    this.name = name;
    this.left = left;
    this.deadline = deadlines.create(this, "account expires");
  }
}

/** A channel is given credit for this time at once, or for one datagram where that is more. */
const portionMs = 100;
const largestPortionBytes = 65_536;
/** How much of its rate an account may save up. */
const burstMs = 1000;

export class Quotas {
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #deadlines: Deadlines<Timed>;
  readonly #accounts = new Map<string, Account>();

  constructor(limits: Limits, clock: Clock, deadlines: Deadlines<Timed>) {
    this.#limits = limits;
    this.#clock = clock;
    this.#deadlines = deadlines;
  }

  get size(): number {
    return this.#accounts.size;
  }

  /** The account of one more registration under that name; `undefined` when nothing is limited; "full". */
  open(name: string, expiresAtMs: number): Account | undefined | "full" {
    const { relayBytes, relayBytesPerSecond, accounts } = this.#limits;
    if (relayBytes === Infinity && relayBytesPerSecond === Infinity) return undefined;
    const account = this.#accounts.get(name) ?? this.#create(name, accounts, relayBytes);
    if (account === undefined) return "full";
    account.registrations++;
    account.expiresAtMs = Math.max(account.expiresAtMs, expiresAtMs);
    return account;
  }

  /** One registration less. What was used stays until the ticket's expiry, so that registering anew gains nothing. */
  close(account: Account): void {
    if (--account.registrations === 0) this.#deadlines.set(account.deadline, this.#clock.at(account.expiresAtMs));
  }

  wake(now: number, account: Account): void {
    if (account.registrations > 0) return;
    if (this.#clock.epochMs(now) >= account.expiresAtMs) this.#accounts.delete(account.name);
    else this.#deadlines.set(account.deadline, this.#clock.at(account.expiresAtMs));
  }

  /** Credit for a channel, at least `neededBytes`; 0 when there is none. */
  grant(now: number, account: Account | undefined, neededBytes: number): number {
    if (account === undefined) return Infinity;
    const startsAt = Math.max(account.fullAt, now);
    if (startsAt - now >= burstMs) return 0;
    const bytesPerMs = this.#limits.relayBytesPerSecond / 1000;
    const wanted = Math.max(neededBytes, Math.min(bytesPerMs * portionMs, account.left, largestPortionBytes));
    if (wanted > account.left) return 0;
    account.fullAt = startsAt + wanted / bytesPerMs;
    account.left -= wanted;
    return wanted;
  }

  /**
   * Counts bytes that have come and are relayed whatever the rate. Gives the ms for which no more should come, or
   * `undefined` when the total does not allow them.
   */
  owe(now: number, account: Account | undefined, bytes: number): number | undefined {
    if (account === undefined) return 0;
    if (bytes > account.left) return undefined;
    account.left -= bytes;
    account.fullAt = Math.max(account.fullAt, now) + (1000 * bytes) / this.#limits.relayBytesPerSecond;
    return Math.max(account.fullAt - now - burstMs, 0);
  }

  /** Takes back what a channel did not use. */
  giveBack(account: Account | undefined, bytes: number): void {
    if (account !== undefined) account.left += bytes;
  }

  #create(name: string, maximum: number, relayBytes: number): Account | undefined {
    if (this.#accounts.size >= maximum) return undefined;
    const account = new Account(name, relayBytes, this.#deadlines);
    this.#accounts.set(name, account);
    return account;
  }
}
