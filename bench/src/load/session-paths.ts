/** Channels of sessions: hosts, and clients whose addresses the server holds for proven. */

import type { PeerPrimitives } from "@fractal-punch/machine";
import { channelHeaderBytes, type Ticket } from "@fractal-punch/wire";
import { LoadClient } from "../load-client.ts";
import { LoadHost } from "../load-host.ts";
import type { Path } from "./lane.ts";
import { awaitUntil, Line, serverIp, serverWords } from "./line.ts";
import type { LineIo } from "./line-io.ts";
import type { Credentials, Run } from "./spec.ts";

/** A host takes no more clients at once. */
const perHost = 100;

export function sessionPaths(io: LineIo, primitives: PeerPrimitives, run: Run & SessionRun): Path[] {
  const paths: Path[] = [];
  for (let left = run.flows; left > 0; left -= perHost) {
    const into = new Line(io, run.route.port);
    const host = registeredHost(io, primitives, into, run.route);
    for (let i = 0; i < Math.min(left, perHost); i++)
      paths.push(pathTo(io, primitives, into, host.mintClientTicket(i), run));
  }
  return paths;
}

interface SessionRun {
  readonly route: { readonly port: number; readonly credentials: Credentials };
}

/** A host that the server knows at the socket. */
export function registeredHost(
  io: LineIo,
  primitives: PeerPrimitives,
  line: Line,
  { port, credentials }: SessionRun["route"],
): LoadHost {
  const host = new LoadHost(primitives, line, { family: 4, ip: serverIp, port }, credentials);
  let isRegistered = false;
  host.onRegistered = () => {
    isRegistered = true;
  };
  host.register();
  awaitUntil(io, () => isRegistered, "a registration");
  return host;
}

function pathTo(
  io: LineIo,
  primitives: PeerPrimitives,
  into: Line,
  ticket: Ticket,
  { route, payloadBytes }: Run & SessionRun,
): Path {
  const from = new Line(io, route.port);
  const client = new LoadClient(primitives, from, ticket);
  const head = [provenChannel(io, from, client) * 65_536 + payloadBytes];
  const bytes = channelHeaderBytes + payloadBytes;
  return { from, to: serverWords(route.port), head, bytes, into, stampAt: channelHeaderBytes };
}

function provenChannel(io: LineIo, line: Line, client: LoadClient): number {
  let proven: number | undefined;
  line.receiver = (bytes) => {
    const connected = client.connected(bytes);
    if (connected.proven) proven = connected.channel;
    else client.prove(connected.nonce);
  };
  client.connect();
  awaitUntil(io, () => proven !== undefined, "a channel");
  return proven ?? 0;
}
