/** What comes of a datagram: it was served, refused (the asker is told), or dropped (nobody is told). All are counted. */
import type { ErrorCode, StunFault } from "@fractal-punch/wire";

export interface Refused {
  readonly code: ErrorCode;
  /** Signs the refusal; absent as long as the asker's ticket was not found valid. */
  readonly key?: Uint8Array;
  /** With 420: the attributes that are not known. */
  readonly unknown?: readonly number[];
}

/** Why a datagram was dropped. */
export type Drop =
  | StunFault
  | "too-large"
  | "bad-source"
  | "not-ours"
  | "no-question"
  | "wrong-port"
  | "prefix-rate"
  | "ticket-rate"
  | "replay"
  | "answer-too-large"
  | "malformed"
  | "bad-integrity"
  | "no-channel"
  | "no-permission"
  | "no-allocation"
  | "unknown-attribute"
  /** Its stream ended, and it has not come back with its mobility ticket. */
  | "client-away"
  /** The host's stream ended, and it has not registered anew. */
  | "host-away"
  /** Of RFC 6062's connections: there are too many. */
  | "connections-full"
  /** There is none on that stream. */
  | "no-connection"
  /** Its client did not bind it in its time. */
  | "unbound"
  /** Sent more than is kept before the other end is there. */
  | "too-early"
  | "no-credit";

export type Outcome = "served" | Drop | Refused;

export function refused(code: ErrorCode, key?: Uint8Array): Refused {
  return key === undefined ? { code } : { code, key };
}
