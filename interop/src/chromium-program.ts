/**
 * Two pages of Debian's Chromium open a data channel and send each other messages, through the server that
 * `ticket turn --json` names: with relayed addresses only, or for STUN with the addresses only that the server sees.
 *
 * usage: chromium-program.js udp|tcp|tls|stun ICE_SERVERS
 */
import { stdout } from "node:process";
import { chromium } from "playwright-core";
import { type ChromiumAgent, type IceServer, openAgent } from "./chromium-agent.ts";
import type { PairReport } from "./pair-report.ts";
import { chromiumPath } from "./program.ts";

const messages: readonly string[] = Array.from(
  { length: 20 },
  (_, number) => `message ${number} ${".".repeat(50 * number)}`,
);

/** The URLs that are left to the pages, of those that were printed. */
const urls = {
  udp: /^turn:.*transport=udp$/,
  tcp: /^turn:.*transport=tcp$/,
  tls: /^turns:/,
  stun: /^stun:/,
} as const;

const [transport = "", iceServers = "[]"] = process.argv.slice(2);
if (!isTransport(transport)) throw new Error("usage: chromium-program.js udp|tcp|tls|stun ICE_SERVERS");
stdout.write(`${JSON.stringify(await reportOf(transport, JSON.parse(iceServers)))}\n`);

function isTransport(text: string): text is keyof typeof urls {
  return Object.hasOwn(urls, text);
}

async function reportOf(by: keyof typeof urls, printed: readonly IceServer[]): Promise<PairReport> {
  const servers = printed.map((one) => ({ ...one, urls: one.urls.filter((url) => urls[by].test(url)) }));
  // Without the switch Chromium takes no address of loopback, where the server is.
  const args = ["--allow-loopback-in-peer-connection"];
  // No authority vouches for the server's certificate.
  if (by === "tls") args.push("--ignore-certificate-errors");
  const browser = await chromium.launch({ executablePath: chromiumPath, args });
  try {
    const [kind, policy] = by === "stun" ? (["srflx", "all"] as const) : (["relay", "relay"] as const);
    return await pairReport(kind, await openAgent(browser, servers, policy), await openAgent(browser, servers, policy));
  } finally {
    await browser.close();
  }
}

/** They learn of each other's candidates when both have theirs: Chromium gathers no further ones once it is connected. */
async function pairReport(kind: RTCIceCandidateType, one: ChromiumAgent, other: ChromiumAgent): Promise<PairReport> {
  await one.accept(await other.describe(await one.describe()));
  const [candidate, candidateToo] = await Promise.all([one.candidate(kind), other.candidate(kind)]);
  await Promise.all([one.add(candidateToo), other.add(candidate)]);
  const [received, receivedToo] = await Promise.all([one.exchange(messages), other.exchange(messages)]);
  return {
    sent: 2 * messages.length,
    received: received + receivedToo,
    pairs: [await one.pair(), await other.pair()],
  };
}
