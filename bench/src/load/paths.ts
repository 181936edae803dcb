/** The ways that a run's datagrams take, opened. */
import type { PeerPrimitives } from "@fractal-punch/machine";
import { channelHeaderBytes, firstChannel, headerBytes, magicCookie } from "@fractal-punch/wire";
import type { Path } from "./lane.ts";
import { Line, lineWords, serverWords } from "./line.ts";
import type { LineIo } from "./line-io.ts";
import { sessionPaths } from "./session-paths.ts";
import type { Run } from "./spec.ts";
import { turnPath } from "./turn-paths.ts";

/** Of a STUN message, before its transaction id. */
const stunStartBytes = 8;
const bindingRequest = 0x0001_0000;

export function openPaths(io: LineIo, primitives: PeerPrimitives, run: Run): Path[] {
  const { route, flows } = run;
  if (route.kind === "session") return sessionPaths(io, primitives, { ...run, route });
  return Array.from({ length: flows }, () => openPath(io, run));
}

function openPath(io: LineIo, { route, payloadBytes }: Run): Path {
  switch (route.kind) {
    case "binding":
      return bindingPath(io, route.port);
    case "turn":
      return turnPath(io, route, payloadBytes);
    case "forwarder":
      return forwarderPath(io, route.port, payloadBytes);
    case "direct":
      return directPath(io, payloadBytes);
    case "session":
    case "refresh":
    case "introduction":
    case "challenge":
    case "allocate":
      throw new Error(`no path of its own has what is measured by "${route.kind}"`);
  }
}

function bindingPath(io: LineIo, port: number): Path {
  const line = new Line(io, port);
  const head = [bindingRequest, magicCookie];
  return { from: line, to: serverWords(port), head, bytes: headerBytes, into: line, stampAt: stunStartBytes };
}

/** The bare forwarder is told first where what comes from the socket is to go. */
function forwarderPath(io: LineIo, port: number, payloadBytes: number): Path {
  const from = new Line(io, port);
  const into = new Line(io, port);
  from.send(Uint8Array.of(into.port >>> 8, into.port & 0xff));
  return { ...channelPath(payloadBytes), from, to: serverWords(port), into };
}

function directPath(io: LineIo, payloadBytes: number): Path {
  const into = new Line(io, 0);
  return { ...channelPath(payloadBytes), from: new Line(io, 0), to: lineWords(into), into };
}

function channelPath(payloadBytes: number): Pick<Path, "head" | "bytes" | "stampAt"> {
  const head = [firstChannel * 65_536 + payloadBytes];
  return { head, bytes: channelHeaderBytes + payloadBytes, stampAt: channelHeaderBytes };
}
