/** Tickets with which a client takes its allocation along to another 5-tuple (RFC 8016). */
import { equalBytes, type Macs, type Random, randomBytes } from "@fractal-punch/machine";
import { asciiBytes, asciiText, base64UrlBytes, base64UrlText, concatBytes } from "@fractal-punch/wire";
import type { Tuple } from "../tuples.ts";
import type { Allocation } from "./allocation.ts";

const idBytes = 8;
const macBytes = 16;
const ticketBytes = 32;

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
 * restart of the server. It is text, in base64url: there are clients that keep it as a string that ends at a zero.
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
    return asciiBytes(base64UrlText(concatBytes(id, this.#mac(id))));
  }

  /** The allocation; `undefined` when it has ended; "invalid" for what is none of this server's tickets. */
  find(ticket: Uint8Array): Allocation | undefined | "invalid" {
    const bytes = ticket.length === ticketBytes ? base64UrlBytes(asciiText(ticket)) : undefined;
    if (bytes === undefined) return "invalid";
    const id = bytes.subarray(0, idBytes);
    return equalBytes(bytes.subarray(idBytes), this.#mac(id)) ? this.#byId.get(asciiText(id)) : "invalid";
  }

  drop(ticket: Uint8Array): void {
    const id = base64UrlBytes(asciiText(ticket))?.subarray(0, idBytes);
    if (id !== undefined) this.#byId.delete(asciiText(id));
  }

  #mac(id: Uint8Array): Uint8Array {
    return this.#macs.hmacSha256(this.#key, id).subarray(0, macBytes);
  }
}
