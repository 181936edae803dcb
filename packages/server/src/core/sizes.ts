import type { ServerState } from "./state.ts";

/** How many entries each table has. */
export interface Sizes {
  readonly registrations: number;
  readonly introductions: number;
  /** Pairs. */
  readonly channels: number;
  /** What the forwarding plane keeps to. */
  readonly rules: number;
  /** Of credit, from which rules pay. */
  readonly cells: number;
  readonly tuples: number;
  readonly tickets: number;
  readonly revocations: number;
  readonly accounts: number;
  /** TCP connections. */
  readonly streams: number;
  /** Classic requests that wait. */
  readonly classic: number;
  readonly allocations: number;
  /** TCP connections between TURN's clients and their peers. */
  readonly connections: number;
  /** All tables of token buckets together. */
  readonly buckets: number;
}

export function sizesOf(state: ServerState): Sizes {
  const { registrations, introductions, channels, rules, tuples, tickets, revocations, quotas } = state;
  const { streams, classic, turn, buckets } = state;
  return {
    registrations: registrations.size,
    introductions: introductions.size,
    channels: channels.size,
    rules: rules.size,
    cells: rules.openCells,
    tuples: tuples.size,
    tickets: tickets.size,
    revocations: revocations.size,
    accounts: quotas.size,
    streams: streams.size,
    classic: classic?.size ?? 0,
    allocations: turn?.allocations.size ?? 0,
    connections: turn?.pipes.size ?? 0,
    buckets: Object.values(buckets).reduce((size, table) => size + table.size, 0),
  };
}
