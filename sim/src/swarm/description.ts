/** A draw in one line of words and numbers. */
import type { Draw, EndDraw, HomeDraw } from "./draw.ts";
import { lineText } from "./line-draw.ts";
import type { MisfortuneDraw } from "./misfortune-draw.ts";
import type { MtuDraw } from "./mtu-draw.ts";
import type { UdpBlockDraw } from "./udp-block.ts";

export function describe(draw: Draw): string {
  const clients = draw.clients.map((client, index) => `client ${index}: ${endText(client)}`);
  const { detour, shared, sizes, datagrams, everyMs } = draw;
  const parts = [...clients, `host: ${endText(draw.host)}`, `server: ${lineText(draw.serverLine)}`];
  if (shared !== "nothing") parts.push(`shared: ${shared}`);
  if (detour) parts.push(`${detour.delayMs} ms more to the ${detour.to}`);
  parts.push(`${datagrams} ${sizes} datagrams, one each ${everyMs} ms`);
  if (draw.waitMs > 0) parts.push(`the host waits ${draw.waitMs / 1000} s`);
  if (draw.early) parts.push("early data");
  if (draw.pushes) parts.push("pushes");
  if (draw.observed) parts.push("observed");
  parts.push(...draw.misfortunes.map(misfortuneText));
  if (draw.udpBlock) parts.push(blockText(draw.udpBlock));
  parts.push(mtuText(draw.mtu));
  if (draw.pauseMs > 0) parts.push(`silent for ${draw.pauseMs / 1000} s`);
  parts.push(`in the end: ${draw.ending}`);
  return parts.join("; ");
}

function endText({ home, clockOffsetMs }: EndDraw): string {
  return clockOffsetMs === 0 ? homeText(home) : `${homeText(home)}, clock ${clockOffsetMs / 1000} s off`;
}

function homeText({ families, nat, carrier, firewall, shortLived, line }: HomeDraw): string {
  const ip4 = `${nat ?? "public"}${carrier ? ` behind a carrier's ${carrier}` : ""}`;
  const ip6 = `IPv6 ${firewall ? "behind a firewall" : "public"}`;
  const place = families === "4" ? ip4 : families === "6" ? ip6 : `${ip4} and ${ip6}`;
  return `${place}${shortLived ? ", short-lived" : ""}, ${lineText(line)}`;
}

function blockText({ at, fromMs, forMs }: UdpBlockDraw): string {
  const from = fromMs === undefined ? "from the start" : `after ${fromMs} ms`;
  return `${from} UDP is blocked at ${at.join(" and ")} (${forMs === undefined ? "for ever" : `${forMs} ms`})`;
}

function mtuText({ homes, fills, fall, renumberedAfterMs }: MtuDraw): string {
  const most = `MTU ${homes.slice(0, 3).join(", ")}`;
  const falls = fall ? `, after ${fall.afterMs} ms at the ${fall.at} ${fall.mtuBytes}` : "";
  const renumbers =
    renumberedAfterMs === undefined ? "" : `, after ${renumberedAfterMs} ms the client's address is another`;
  return fills ? `${most}, filled${falls}${renumbers}` : most;
}

function misfortuneText({ kind, atMs, forMs, shiftMs, home }: MisfortuneDraw): string {
  const details = kind.endsWith("moves")
    ? ` to ${homeText(home)}`
    : kind.endsWith("jumps")
      ? ` by ${shiftMs / 1000} s`
      : "";
  return `after ${atMs} ms ${kind}${details} (${forMs} ms)`;
}
