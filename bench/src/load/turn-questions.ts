/** The two requests of an allocation: the first, which is refused with what to ask with, and the second. */
import { MessageClass, Method } from "@fractal-punch/wire";
import { LoadTurn } from "../load-turn.ts";
import { type Exchange, type Questions, typeOf } from "./exchanges.ts";
import { Line } from "./line.ts";
import type { LineIo } from "./line-io.ts";
import type { Credentials, Run } from "./spec.ts";
import { done } from "./turn-paths.ts";

interface TurnRun {
  readonly route: { readonly port: number; readonly credentials: Credentials };
}

interface Client {
  readonly turn: LoadTurn;
  readonly line: Line;
}

export function challengeQuestions(io: LineIo, run: Run & TurnRun): Questions {
  const clients = openClients(io, run);
  const prepare = (): Exchange[] =>
    clients.map(({ turn, line }) => ({ ask: line, bytes: turn.askBytes(), answer: line }));
  return { answerType: typeOf(MessageClass.error, Method.allocate), prepare };
}

/**
 * What was allocated in the round before is given back first. Its sockets stay open, so that no new client has the
 * address of an old one, whom coturn may not have forgotten yet.
 */
export function allocateQuestions(io: LineIo, run: Run & TurnRun): Questions {
  let clients: Client[] = [];
  const prepare = (): Exchange[] => {
    for (const { turn } of clients) {
      turn.listen();
      done(io, turn, () => turn.release());
    }
    clients = openClients(io, run);
    for (const { turn } of clients) done(io, turn, () => turn.ask());
    return clients.map(({ turn, line }) => ({ ask: line, bytes: turn.allocateBytes(), answer: line }));
  };
  return { answerType: typeOf(MessageClass.success, Method.allocate), prepare };
}

function openClients(io: LineIo, { route, flows }: Run & TurnRun): Client[] {
  return Array.from({ length: flows }, () => {
    const line = new Line(io, route.port);
    return { turn: new LoadTurn(line, route.credentials), line };
  });
}
