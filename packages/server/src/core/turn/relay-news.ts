import type { DriverCommand, PortId } from "@fractal-punch/machine";
import { relayFailed, relayOpened } from "./allocate.ts";
import { peerDialled } from "./connection-attempt.ts";
import { isRelayPort } from "./openings.ts";
import { streamFull } from "./piping.ts";
import type { Relaying } from "./relaying.ts";
import { peerNotReached, peerReached } from "./tcp-connect.ts";

type PortNews = Extract<DriverCommand, { readonly port: PortId }>;

/** News of ports and streams of the relay; false when they are of others. */
export function hearRelayNews(relaying: Relaying, news: PortNews): boolean {
  const { state, turn, now, out } = relaying;
  switch (news.type) {
    case "port-opened":
      return relayOpened(state, turn, now, news.port, news.local, out);
    case "port-failed":
      return relayFailed(state, turn, now, news.port, news.code, out) || peerNotReached(relaying, news.port);
    case "stream-opened":
      if (!isRelayPort(news.port)) return false;
      peerConnected(relaying, news);
      return true;
    case "stream-full":
      streamFull(relaying, news.port, news.from, news.isFull);
      return true;
    case "stream-ended":
      return false;
  }
}

function peerConnected(relaying: Relaying, { port, from }: Extract<PortNews, { type: "stream-opened" }>): void {
  const pipe = relaying.turn.pipes.dialledFrom(port);
  if (pipe === undefined) peerDialled(relaying, port, from);
  else peerReached(relaying, pipe, port, from);
}
