import type { Outbox } from "@fractal-punch/machine";
import type { ServerEvent } from "../events.ts";
import type { ServerState } from "../state.ts";
import type { Allocation } from "./allocation.ts";
import { endPipe } from "./piping.ts";
import type { TurnState } from "./turn-state.ts";

/** Closes its ports and gives back what it has not used. */
export function endAllocation(
  state: ServerState,
  turn: TurnState,
  now: number,
  allocation: Allocation,
  out: Outbox<ServerEvent>,
): void {
  const { tuples, mobility } = allocation;
  for (const { pipe } of turn.pipes.of(allocation)) endPipe({ state, turn, now, out }, pipe);
  const left = turn.allocations.end(allocation, out);
  for (const { port, address } of tuples) state.streams.release(now, port, address);
  for (const ticket of [mobility?.ticket, mobility?.last?.ticket]) if (ticket) turn.mobilityTickets.drop(ticket);
  if (allocation.account === undefined) return;
  state.quotas.giveBack(allocation.account, left);
  state.quotas.close(allocation.account);
}
