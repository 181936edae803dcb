/** What hosts and their clients ask of a server: refreshes, and introductions. */
import type { PeerPrimitives } from "@fractal-punch/machine";
import { asciiBytes, encodeConnect, MessageClass, Method, StunBuilder, type Ticket } from "@fractal-punch/wire";
import type { LoadHost } from "../load-host.ts";
import { randomOf } from "../randomness.ts";
import { type Exchange, type Questions, typeOf } from "./exchanges.ts";
import { Line } from "./line.ts";
import type { LineIo } from "./line-io.ts";
import { registeredHost } from "./session-paths.ts";
import type { Credentials, Run } from "./spec.ts";

/** As long as a Noise first message with a few candidates. The server does not look inside. */
const firstMessageBytes = 220;
/** Of each host in a round: fewer than the server takes at once. */
const perHost = 5;

interface Registered {
  readonly host: LoadHost;
  readonly line: Line;
}

const builder = new StunBuilder();

export function refreshQuestions(io: LineIo, primitives: PeerPrimitives, run: Run & HostRoute): Questions {
  const hosts = registered(io, primitives, run);
  const prepare = (): Exchange[] =>
    inTurns(hosts, ({ host, line }) => ({ ask: line, bytes: host.refreshBytes(), answer: line }));
  return { answerType: typeOf(MessageClass.success, Method.register), prepare };
}

/** Each with a ticket that the server has not seen. */
export function introductionQuestions(io: LineIo, primitives: PeerPrimitives, run: Run & HostRoute): Questions {
  const pairs = registered(io, primitives, run).map((each) => ({ ...each, client: new Line(io, run.route.port) }));
  let earlierSeconds = 0;
  const prepare = (): Exchange[] =>
    inTurns(pairs, ({ host, line, client }) => {
      const ticket = host.mintClientTicket(++earlierSeconds);
      return { ask: client, bytes: connectBytes(primitives, ticket), answer: line };
    });
  return { answerType: typeOf(MessageClass.indication, Method.introduce), prepare };
}

interface HostRoute {
  readonly route: { readonly port: number; readonly credentials: Credentials };
}

function registered(io: LineIo, primitives: PeerPrimitives, { route, flows }: Run & HostRoute): Registered[] {
  return Array.from({ length: flows }, () => {
    const line = new Line(io, route.port);
    return { host: registeredHost(io, primitives, line, route), line };
  });
}

function inTurns<T>(all: readonly T[], make: (each: T) => Exchange): Exchange[] {
  return Array.from({ length: perHost }, () => all.map(make)).flat();
}

function connectBytes(primitives: PeerPrimitives, { username, password }: Ticket): Uint8Array {
  const approach = { kind: "first", message: randomOf(firstMessageBytes) } as const;
  const signature = { macs: primitives, key: asciiBytes(password) };
  return encodeConnect(builder, randomOf(12), { username, timeMs: Date.now(), approach }, signature).slice();
}
