/** Peers that connect to relayed addresses (RFC 6062 section 5.3). */
import { type Address, type PortId, randomBytes } from "@fractal-punch/machine";
import { ErrorCode, encodeConnectionAttempt } from "@fractal-punch/wire";
import type { Drop } from "../outcome.ts";
import type { ServerState } from "../state.ts";
import type { Allocation } from "./allocation.ts";
import { Pipe } from "./pipe.ts";
import { join } from "./piping.ts";
import type { Relaying } from "./relaying.ts";
import type { TurnState } from "./turn-state.ts";

/** How long a connection waits for its client to bind it. */
export const bindMs = 30_000;

/** Somebody connected to a port of the relay. */
export function peerDialled(relaying: Relaying, port: PortId, peer: Address): void {
  const { state, turn, now, out } = relaying;
  const allocation = turn.allocations.throughPort(port);
  const refusal = allocation === undefined ? "no-allocation" : refusalOf(relaying, allocation, peer);
  if (allocation === undefined || refusal !== undefined) {
    if (refusal !== undefined) state.counters.dropped.add(refusal);
    return out.closeStream(port, peer);
  }
  const pipe = new Pipe(state.deadlines);
  state.deadlines.set(pipe.deadline, now + bindMs);
  attemptConnection(relaying, pipe, allocation, peer);
  join(relaying, pipe.add(1, port, peer));
}

/** Tells the client. */
export function attemptConnection(
  { state, turn, out }: Relaying,
  pipe: Pipe,
  allocation: Allocation,
  peer: Address,
): void {
  const { id } = turn.pipes.connect(pipe, allocation, peer, state.random);
  const { port, address, options } = allocation.tuple;
  out.send(port, address, encodeConnectionAttempt(state.builder, randomBytes(state.random, 12), peer, id), options);
  state.counters.outcome("connection-attempt", "served");
}

/** Why that peer's connection is not taken. */
export function refusalOf({ state, turn, now }: Relaying, allocation: Allocation, peer: Address): Drop | undefined {
  if (!allocation.permits(now, peer)) return "no-permission";
  return fullCode(state, turn, allocation) === undefined ? undefined : "connections-full";
}

/** The code that says why the allocation may have no more connections. */
export function fullCode({ limits }: ServerState, { pipes }: TurnState, { user }: Allocation): ErrorCode | undefined {
  if (pipes.holdings.of(user.username) >= limits.connectionsPerUser) return ErrorCode.limitReached;
  return pipes.size >= limits.connections ? ErrorCode.serverFull : undefined;
}
