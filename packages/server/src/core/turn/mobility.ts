/** Tickets with which a client takes its allocation along to another 5-tuple (RFC 8016). */
import { equalBytes, type Macs, type Random, randomBytes } from "@fractal-punch/machine";
import { asciiBytes, asciiText, concatBytes } from "@fractal-punch/wire";
import type { Tuple } from "../tuples.ts";
import type { Allocation } from "./allocation.ts";

const idBytes = 8;
const macBytes = 16;

/** What an allocation that may move has besides. */
export interface Mobility {
  ticket: Uint8Array;
  /** Where its client has gone to, as long as nothing more has come from there: until then data goes where it went. */
  next: Tuple | undefined;
  /** The Refresh that moved it last, with the ticket that it spent: a repeat gets the same answer. */
  last: { readonly ticket: Uint8Array; readonly transactionId: string; readonly tuple: Tuple } | undefined;
  /** Its stream has ended, and its client has not come back. */
  isAway: boolean;
}

/**
 * A ticket is a random id and a MAC: so one that was forged is told from one whose allocation has ended, also after a
 * restart of the server.
 */
export class MobilityTickets {
  readonly #macs: Macs;
  readonly #key: Uint8Array;
  readonly #random: Random;
  readonly #byId = new Map<string, Allocation>();

  constructor(macs: Macs, secret: string, random: Random) {
    this.#macs = macs;
    this.#key = macs.hmacSha256(asciiBytes(secret), asciiBytes("fractal-punch mobility key"));
    this.#random = random;
  }

  /** From now on the allocation may move. */
  open(allocation: Allocation): Mobility {
    return { ticket: this.make(allocation), next: undefined, last: undefined, isAway: false };
  }

  /** A ticket for that allocation, until it is dropped. */
  make(allocation: Allocation): Uint8Array {
    const id = randomBytes(this.#random, idBytes);
    this.#byId.set(asciiText(id), allocation);
    return concatBytes(id, this.#mac(id));
  }

  /** The allocation; `undefined` when it has ended; "invalid" for what is none of this server's tickets. */
  find(ticket: Uint8Array): Allocation | undefined | "invalid" {
    if (ticket.length !== idBytes + macBytes) return "invalid";
    const id = ticket.subarray(0, idBytes);
    return equalBytes(ticket.subarray(idBytes), this.#mac(id)) ? this.#byId.get(asciiText(id)) : "invalid";
  }

  drop(ticket: Uint8Array): void {
    this.#byId.delete(asciiText(ticket.subarray(0, idBytes)));
  }

  #mac(id: Uint8Array): Uint8Array {
    return this.#macs.hmacSha256(this.#key, id).subarray(0, macBytes);
  }
}
