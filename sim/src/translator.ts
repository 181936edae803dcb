/**
 * What a NAT, or a firewall, is to the rest of the world: two questions with the time as an argument. It has no clock
 * and holds no datagrams, so the simulator and a relay of real packets can use the same model.
 */
import type { Address } from "@fractal-punch/machine";

/** Why an answer is no: nothing maps it, the filter is against it, the table is full, or no outside port is free. */
export type Refusal = "no-mapping" | "filtered" | "table-full" | "no-port";

export interface Translator {
  /** A datagram from `inside` to `to` leaves: from which outside address? Times are in ms and never go back. */
  outbound(now: number, inside: Address, to: Address): Address | Refusal;
  /** A datagram from `from` to `outside` comes: for which inside address is it? */
  inbound(now: number, outside: Address, from: Address): Address | Refusal;
  /** Whom `inbound` would look up, whatever the filter says; changes nothing. */
  owner(now: number, outside: Address, from: Address): Address | undefined;
  /** How many entries it holds, expired ones that nobody has met yet among them. */
  readonly size: number;
}

/** Mapping and filtering behaviour (RFC 4787 sections 4.1 and 5). */
export type Dependence = "endpoint-independent" | "address-dependent" | "address-and-port-dependent";

/** Which datagrams keep an entry alive (RFC 4787 section 4.3). */
export type Refresh = "outbound" | "both";
