/**
 * What goes through a pipe (RFC 6062 sections 5.4 and 5.5): bytes as they are, no faster than the other end takes them and
 * the accounts allow. Nothing is dropped: a stream that may not go on is held, and TCP makes its far end wait.
 */
import type { Address, Outbox, PortId } from "@fractal-punch/machine";
import { concatBytes } from "@fractal-punch/wire";
import type { ServerEvent } from "../events.ts";
import type { Drop } from "../outcome.ts";
import { isRelayPort } from "./openings.ts";
import type { Pipe, PipeEnd } from "./pipe.ts";
import type { Relaying } from "./relaying.ts";

/** What may come before there is an other end: one piece, since its stream is held. */
const maxEarlyBytes = 65_536;
/** What was sent before an end has so long to leave; a driver takes 5 s. */
const lingerMs = 6_000;

/** Bytes of a stream that is a pipe's. */
export function relayPiece(relaying: Relaying, port: PortId, from: Address, bytes: Uint8Array): void {
  const { counters } = relaying.state;
  const end = relaying.turn.pipes.at(port, from);
  if (end === undefined) return counters.dropped.add("no-connection");
  const other = end.pipe.opposite(end);
  if (other !== undefined) return deliver(relaying, end.pipe, other, bytes);
  if (end.early.length + bytes.length > maxEarlyBytes) return endPipe(relaying, end.pipe, "too-early");
  end.early = concatBytes(end.early, bytes);
}

/** One end has joined. What came before goes on, and is read on when both are there. */
export function join(relaying: Relaying, end: PipeEnd): void {
  const { state, turn, out } = relaying;
  const { pipe } = end;
  turn.pipes.join(end);
  const other = pipe.opposite(end);
  if (other !== undefined) {
    state.deadlines.clear(pipe.deadline);
    const { early } = other;
    other.early = new Uint8Array(0);
    if (early.length > 0) deliver(relaying, pipe, end, early);
  }
  if (!pipe.hasEnded) steer(pipe, out);
}

export function streamFull({ turn, out }: Relaying, port: PortId, from: Address, isFull: boolean): void {
  const end = turn.pipes.at(port, from);
  if (end === undefined) return;
  end.isFull = isFull;
  steer(end.pipe, out);
}

/** A stream is gone, and with it the pipe that it was an end of. */
export function streamOfPipeEnded(relaying: Relaying, port: PortId, from: Address): void {
  const end = relaying.turn.pipes.at(port, from);
  if (end !== undefined) endPipe(relaying, end.pipe, undefined, end);
}

/** Its time is over: to be bound, to wait for its accounts, or, after its end, for what was sent to leave. */
export function wakePipe(relaying: Relaying, pipe: Pipe): void {
  const { out } = relaying;
  if (pipe.hasEnded) {
    if (pipe.dialPort !== undefined) out.closePort(pipe.dialPort);
  } else if (pipe.isLate) {
    pipe.isLate = false;
    steer(pipe, out);
  } else {
    endPipe(relaying, pipe, "unbound");
  }
}

/** Closes both ends, but for the one that is gone. What was sent to them still leaves. */
export function endPipe({ state, turn, now, out }: Relaying, pipe: Pipe, why?: Drop, gone?: PipeEnd): void {
  if (pipe.hasEnded) return;
  pipe.hasEnded = true;
  if (why !== undefined) state.counters.dropped.add(why);
  turn.pipes.remove(pipe);
  for (const end of pipe.ends) {
    if (end === undefined || end === gone) continue;
    if (isRelayPort(end.port)) out.closeStream(end.port, end.address);
    else state.streams.close(end.port, end.address, out);
  }
  state.deadlines.drop(pipe.deadline);
  const { dialPort } = pipe;
  if (dialPort === undefined) return;
  const isLeaving = pipe.ends.some((end) => end?.port === dialPort && end !== gone);
  if (isLeaving) state.deadlines.set(pipe.deadline, now + lingerMs);
  else out.closePort(dialPort);
}

function deliver(relaying: Relaying, pipe: Pipe, to: PipeEnd, bytes: Uint8Array): void {
  const { state, now, out } = relaying;
  let waitMs = 0;
  for (const { allocation } of pipe.connections) {
    const owedMs = state.quotas.owe(now, allocation.account, bytes.length);
    if (owedMs === undefined) return endPipe(relaying, pipe, "no-credit");
    waitMs = Math.max(waitMs, owedMs);
  }
  out.send(to.port, to.address, bytes);
  state.counters.relayed("stream-data", "served", bytes);
  if (waitMs === 0) return;
  pipe.isLate = true;
  state.deadlines.set(pipe.deadline, now + waitMs);
  steer(pipe, out);
}

/** Has each end read from, or not. */
function steer(pipe: Pipe, out: Outbox<ServerEvent>): void {
  for (const end of pipe.ends) {
    if (end === undefined) continue;
    const isHeld = pipe.isLate || (pipe.opposite(end)?.isFull ?? true);
    if (isHeld === end.isHeld) continue;
    end.isHeld = isHeld;
    out.holdStream(end.port, end.address, isHeld);
  }
}
