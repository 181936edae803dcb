/** Channels of a TURN server, bound for a load. */
import { type Address, addressWords, writeAddressWords } from "@fractal-punch/machine";
import { channelHeaderBytes, firstChannel } from "@fractal-punch/wire";
import { LoadTurn } from "../load-turn.ts";
import type { Path } from "./lane.ts";
import { awaitUntil, Line, loadIp, serverWords } from "./line.ts";
import type { LineIo } from "./line-io.ts";
import type { Route } from "./spec.ts";

/** A client with an allocation, and a peer that it has a channel to. */
export function turnPath(io: LineIo, route: Route & { kind: "turn" }, payloadBytes: number): Path {
  const client = new Line(io, route.port);
  const peer = new Line(io, route.port);
  const turn = new LoadTurn(client, route.credentials);
  const relayed = allocated(io, turn);
  done(io, turn, () => turn.bind(firstChannel, { family: 4, ip: loadIp, port: peer.port }));
  if (route.direction === "out") {
    const head = [firstChannel * 65_536 + payloadBytes];
    const bytes = channelHeaderBytes + payloadBytes;
    return { from: client, to: serverWords(route.port), head, bytes, into: peer, stampAt: 0 };
  }
  const to = new Uint32Array(addressWords);
  writeAddressWords(to, 0, relayed);
  return { from: peer, to, head: [], bytes: payloadBytes, into: client, stampAt: channelHeaderBytes };
}

function allocated(io: LineIo, turn: LoadTurn): Address {
  done(io, turn, () => turn.allocate());
  if (turn.relayed === undefined) throw new Error("an allocation without a relayed address");
  return turn.relayed;
}

/** Returns when the server has answered. */
export function done(io: LineIo, turn: LoadTurn, ask: () => void): void {
  let isDone = false;
  turn.onDone = () => {
    isDone = true;
  };
  ask();
  awaitUntil(io, () => isDone, "a TURN server's answer");
}
