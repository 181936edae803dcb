/** All that TURN needs to know, put together (RFC 8656). */
import type { Deadlines, Random, ServerPrimitives } from "@fractal-punch/machine";
import { StunBuilder } from "@fractal-punch/wire";
import type { Clock } from "../clock.ts";
import type { Rules } from "../forwarding/rules.ts";
import type { Limits } from "../limits.ts";
import type { Network } from "../networks.ts";
import { RelayPolicy } from "../relay-policy.ts";
import type { Revocations } from "../revocations.ts";
import type { Timed } from "../timed.ts";
import type { Tuple, Tuples } from "../tuples.ts";
import { Allocations } from "./allocations.ts";
import { Credentials } from "./credentials.ts";
import { Holdings } from "./holdings.ts";
import { MobilityTickets } from "./mobility.ts";
import { Openings, type PortRange } from "./openings.ts";
import { Pipes } from "./pipes.ts";
import { Reservations } from "./reservations.ts";

/** IPv4 and UDP have no larger ones. */
const largestDatagramBytes = 65_507;

export interface TurnOptions {
  readonly realm: string;
  /** Passwords of users besides those that the operator's secret makes; a character for each byte of UTF-8. */
  readonly users: ReadonlyMap<string, string>;
  readonly relayPorts: PortRange;
  /** Networks that may be relayed to though they are refused by default. */
  readonly allow: readonly Network[];
  readonly deny: readonly Network[];
}

export interface TurnState {
  readonly credentials: Credentials;
  readonly holdings: Holdings;
  readonly allocations: Allocations;
  readonly openings: Openings;
  readonly reservations: Reservations;
  readonly pipes: Pipes;
  readonly mobilityTickets: MobilityTickets;
  readonly policy: RelayPolicy;
  /** For Data indications, which are larger than what they carry. */
  readonly builder: StunBuilder;
}

/** What TURN shares with the rest of the server. */
export interface TurnSurroundings {
  readonly primitives: ServerPrimitives;
  readonly random: Random;
  /** The operator's. */
  readonly secret: string;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly deadlines: Deadlines<Timed>;
  readonly revocations: Revocations;
  readonly tuples: Tuples;
  readonly rules: Rules;
}

export function createTurnState(options: TurnOptions, surroundings: TurnSurroundings): TurnState {
  const { primitives, random, secret, limits, clock, deadlines, revocations, tuples, rules } = surroundings;
  const { realm, users, relayPorts, allow, deny } = options;
  const holdings = new Holdings();
  return {
    credentials: new Credentials({ primitives, secret, realm, users }, clock, revocations, limits),
    holdings,
    allocations: new Allocations(tuples, deadlines, holdings, rules),
    openings: new Openings(relayPorts),
    reservations: new Reservations(deadlines, holdings),
    pipes: new Pipes(),
    mobilityTickets: new MobilityTickets(primitives, secret, random),
    policy: new RelayPolicy({ allow, deny, own: [] }),
    builder: new StunBuilder(largestDatagramBytes),
  };
}

/** Whether the 5-tuple is a TURN client's, or is about to be: then it is nobody else's. */
export function isTurnClient(turn: TurnState | undefined, tuple: Tuple | undefined): boolean {
  return tuple !== undefined && (tuple.allocation !== undefined || turn?.openings.on(tuple) !== undefined);
}
