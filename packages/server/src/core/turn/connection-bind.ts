import { connectionIdOf, ErrorCode, MessageClass } from "@fractal-punch/wire";
import type { Question } from "../question.ts";
import type { ServerState } from "../state.ts";
import { sendProtected } from "./answers.ts";
import type { Asker } from "./asker.ts";
import type { PeerConnection } from "./pipe.ts";
import { join } from "./piping.ts";
import type { TurnState } from "./turn-state.ts";

/**
 * ConnectionBind (RFC 6062 section 5.4): from its answer on the stream that it comes on is the client's end of a
 * connection. One that is bound, or another user's, is as none.
 */
export function bindConnection(
  state: ServerState,
  turn: TurnState,
  question: Question,
  asker: Asker,
): ErrorCode | "served" {
  const { message, port, from, tuple, now, out } = question;
  const id = connectionIdOf(message);
  const connection = id === undefined ? undefined : turn.pipes.connection(id);
  if (!state.ports.isStream(port) || tuple !== undefined) return ErrorCode.badRequest;
  if (connection === undefined || !isPending(connection)) return ErrorCode.badRequest;
  if (connection.allocation.user.username !== asker.user.username) return ErrorCode.badRequest;
  const { builder } = state;
  sendProtected(state, builder.begin(MessageClass.success, message.method, message.transactionId), question, asker);
  state.streams.join(port, from);
  join({ state, turn, now, out }, connection.pipe.add(connection.side, port, from));
  return "served";
}

function isPending({ pipe, side }: PeerConnection): boolean {
  return pipe.dialling === undefined && pipe.ends[side] === undefined;
}
