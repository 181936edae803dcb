/** Pairs of ICE agents. */
import type { Case } from "./case.ts";
import { connected } from "./judgements.ts";

export const iceCases: readonly Case[] = [
  {
    name: "ICE, aioice: direct",
    command: "python3 aioice-pair.py direct udp PORT USER PASSWORD",
    judge: connected(/^host\/(host|prflx)$/, /^host\/(host|prflx)$/),
  },
  {
    name: "ICE, aioice: one of them relayed",
    command: "python3 aioice-pair.py half udp PORT USER PASSWORD",
    judge: connected(/^host\/(relay|prflx)$/, /^relay\/(host|srflx|prflx)$/),
  },
  {
    name: "ICE, aioice: both relayed",
    command: "python3 aioice-pair.py relayed udp PORT USER PASSWORD",
    judge: connected(/^relay\/(relay|prflx)$/, /^relay\/(relay|prflx)$/),
  },
  {
    name: "ICE, aioice: both relayed, by TCP",
    command: "python3 aioice-pair.py relayed tcp PORT USER PASSWORD",
    judge: connected(/^relay\/(relay|prflx)$/, /^relay\/(relay|prflx)$/),
    transport: "tcp",
  },
  {
    name: "WebRTC, Chromium: what the server sees",
    command: "NODE dist/chromium-program.js stun ICE_SERVERS",
    judge: connected(...bothOver(/^(host|srflx)\/(srflx|prflx)$/)),
  },
  {
    name: "WebRTC, Chromium: both relayed",
    command: "NODE dist/chromium-program.js udp ICE_SERVERS",
    judge: connected(...bothOver(/^relay by udp\/(relay|prflx)$/)),
  },
  {
    name: "WebRTC, Chromium: both relayed, by TCP",
    command: "NODE dist/chromium-program.js tcp ICE_SERVERS",
    judge: connected(...bothOver(/^relay by tcp\/(relay|prflx)$/)),
    transport: "tcp",
  },
  {
    name: "WebRTC, Chromium: both relayed, by TLS",
    command: "NODE dist/chromium-program.js tls ICE_SERVERS",
    judge: connected(...bothOver(/^relay by tls\/(relay|prflx)$/)),
    transport: "tls",
  },
];

function bothOver(pair: RegExp): [RegExp, RegExp] {
  return [pair, pair];
}
