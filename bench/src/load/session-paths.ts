/** Channels of sessions: one host, and clients whose addresses the server holds for proven. */

import type { PeerPrimitives } from "@fractal-punch/machine";
import { channelHeaderBytes } from "@fractal-punch/wire";
import { LoadClient } from "../load-client.ts";
import { LoadHost } from "../load-host.ts";
import type { Path } from "./lane.ts";
import { awaitUntil, Line, serverIp, serverWords } from "./line.ts";
import type { LineIo } from "./line-io.ts";
import type { Route } from "./spec.ts";

export function sessionPaths(
  io: LineIo,
  primitives: PeerPrimitives,
  route: Route & { kind: "session" },
  flows: number,
  payloadBytes: number,
): Path[] {
  const into = new Line(io, route.port);
  const host = new LoadHost(primitives, into, { family: 4, ip: serverIp, port: route.port }, route.credentials);
  let isRegistered = false;
  host.onRegistered = () => {
    isRegistered = true;
  };
  host.register();
  awaitUntil(io, () => isRegistered, "a registration");
  return Array.from({ length: flows }, () => {
    const from = new Line(io, route.port);
    const client = new LoadClient(primitives, from, host.mintClientTicket());
    const head = [provenChannel(io, from, client) * 65_536 + payloadBytes];
    const bytes = channelHeaderBytes + payloadBytes;
    return { from, to: serverWords(route.port), head, bytes, into, stampAt: channelHeaderBytes };
  });
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
