/** Ports that are kept for a client's next Allocate: the odd ones above even ones (RFC 8656 sections 7.2 and 18.7). */

import { type Deadline, type Deadlines, type Outbox, type Random, randomBytes } from "@fractal-punch/machine";
import { asciiText } from "@fractal-punch/wire";
import type { ServerEvent } from "../events.ts";
import type { Timed } from "../timed.ts";
import type { Relay } from "./allocation.ts";
import type { Holdings } from "./holdings.ts";

const lifeMs = 30_000;
const tokenBytes = 8;

export class Reservation {
  readonly kind = "reservation";
  readonly relay: Relay;
  /** Only its user may have it. */
  readonly username: string;
  /** One character a byte. */
  readonly token: string;
  readonly deadline: Deadline<Timed>;

  constructor(relay: Relay, username: string, token: string, deadlines: Deadlines<Timed>) {
    this.relay = relay;
    this.username = username;
    this.token = token;
    this.deadline = deadlines.create(this, "reservation ends");
  }
}

export class Reservations {
  readonly #deadlines: Deadlines<Timed>;
  readonly #holdings: Holdings;
  readonly #byToken = new Map<string, Reservation>();

  constructor(deadlines: Deadlines<Timed>, holdings: Holdings) {
    this.#deadlines = deadlines;
    this.#holdings = holdings;
  }

  get size(): number {
    return this.#byToken.size;
  }

  /** Keeps an open port for 30 s; gives the token to ask for it with. */
  keep(now: number, relay: Relay, username: string, random: Random): Uint8Array {
    const token = randomBytes(random, tokenBytes);
    const reservation = new Reservation(relay, username, asciiText(token), this.#deadlines);
    this.#byToken.set(reservation.token, reservation);
    this.#holdings.add(username);
    this.#deadlines.set(reservation.deadline, now + lifeMs);
    return token;
  }

  has(token: Uint8Array, username: string): boolean {
    return this.#byToken.get(asciiText(token))?.username === username;
  }

  /** The port is its asker's from then on. */
  take(token: Uint8Array, username: string): Relay | undefined {
    const reservation = this.#byToken.get(asciiText(token));
    if (reservation?.username !== username) return undefined;
    this.#forget(reservation);
    return reservation.relay;
  }

  /** Nobody asked for it. */
  end(reservation: Reservation, out: Outbox<ServerEvent>): void {
    this.#forget(reservation);
    out.closePort(reservation.relay.port);
  }

  #forget(reservation: Reservation): void {
    this.#byToken.delete(reservation.token);
    this.#holdings.remove(reservation.username);
    this.#deadlines.drop(reservation.deadline);
  }
}
