/** Networks that block UDP: the session goes over the server by TLS, says so, and leaves TLS again when UDP is back. */
import { offer, ping, serve } from "./commands.ts";
import type { Lab } from "./lab.ts";
import { setUdpBlock } from "./nat-rules.ts";
import { bothMasqueraded, type Delays, type Placement } from "./pairs.ts";
import { type LabProcess, textIn } from "./process.ts";
import { replyTimes, startReplies } from "./reply-times.ts";

type End = "client" | "host";

export interface BlockedSide {
  readonly name: string;
  readonly ends: readonly End[];
  /** What the client's verdict says. */
  readonly reason: string;
}

export const blockedSides: readonly BlockedSide[] = [
  { name: "UDP blocked on the client's side", ends: ["client"], reason: "udp-blocked-here" },
  { name: "UDP blocked on the host's side", ends: ["host"], reason: "udp-blocked-there" },
  { name: "UDP blocked on both sides", ends: ["client", "host"], reason: "both-udp-blocked" },
];

const barMs = 3000;
const sessions = 5;
/** Enough for the verdict to settle, and both ends' words with it. */
const pings = ["--count", "20", "--interval", "0.1"];

export function blockUdp({ routers }: Placement, ends: readonly End[], blocks: boolean): void {
  if (routers === undefined) throw new Error("UDP is blocked at routers of this machine's kernel only");
  for (const end of ends) setUdpBlock(routers[end].namespace, blocks);
}

/** How soon first replies come; UDP is blocked before the host starts. */
export async function playBlocked(
  lab: Lab,
  delays: Delays,
  { ends, reason }: BlockedSide,
): Promise<{ seen: string; bar: string; holds: boolean }> {
  const placement = await bothMasqueraded.place(lab.topology, delays);
  const { server, host, client } = placement;
  blockUdp(placement, ends, true);
  await serve(lab, server);
  const { invite, process } = await offer(lab, server, host);
  const pinging = ping(lab, client, invite, ...pings);
  await pinging.ended;
  const ways = [transportOf(pinging, "connected"), transportOf(process, "session")];
  const said = textIn(last(pinging, "verdict"), "reason");
  const times = await replyTimes(await startReplies(lab, client, invite), sessions);
  const expected = (["client", "host"] as const).map((end) => (ends.includes(end) ? "tls" : "udp"));
  const mostMs = Math.max(...times);
  return {
    seen: `${mostMs.toFixed(0)} ms at most, ${ways.join(" and ")}, ${said}`,
    bar: `${barMs} ms, ${expected.join(" and ")}`,
    holds: mostMs <= barMs && ways.join() === expected.join() && said === reason,
  };
}

function transportOf(process: LabProcess, name: string): string {
  return textIn(last(process, name), "transport");
}

function last(process: LabProcess, name: string): LabProcess["events"][number] {
  const found = process.events.findLast(({ event }) => event === name);
  if (found === undefined) throw new Error(`there is no event "${name}"`);
  return found;
}
