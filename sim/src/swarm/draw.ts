/** What a seed stands for: a function of the number alone. */
import { Prng } from "../prng.ts";
import { drawLine, type LineDraw } from "./line-draw.ts";
import { drawMisfortunes, type MisfortuneDraw } from "./misfortune-draw.ts";
import { drawMtu, type MtuDraw } from "./mtu-draw.ts";
import { type NatName, natNames } from "./nat-kinds.ts";
import { drawUdpBlock, type UdpBlockDraw } from "./udp-block.ts";

/** Where one end is. */
export interface HomeDraw {
  readonly families: "4" | "6" | "46";
  /** What stands before its IPv4 address; absent for a public one. */
  readonly nat: NatName | undefined;
  /** A carrier's NAT above its own. */
  readonly carrier: NatName | undefined;
  /** Whether a firewall stands before its IPv6 address. */
  readonly firewall: boolean;
  readonly shortLived: boolean;
  readonly line: LineDraw;
}

export interface EndDraw {
  readonly home: HomeDraw;
  /** How far its wall clock is off. */
  readonly clockOffsetMs: number;
}

export interface Draw {
  readonly seed: number;
  readonly host: EndDraw;
  readonly clients: readonly EndDraw[];
  /** Whom the first client shares its router with: the host, or the second client; or only the carrier, with the host. */
  readonly shared: "nothing" | "host's router" | "host's carrier" | "clients' router";
  readonly serverLine: LineDraw;
  /** Further delay between the first client and the server, or the host: its routes are not alike. */
  readonly detour: { readonly to: "server" | "host"; readonly delayMs: number } | undefined;
  readonly early: boolean;
  readonly datagrams: number;
  readonly everyMs: number;
  readonly sizes: "small" | "large" | "mixed";
  /** The host sends a stream of its own beside the echoes. */
  readonly pushes: boolean;
  /** How long the host waits for its clients. */
  readonly waitMs: number;
  /** How long the application is silent after the stream. */
  readonly pauseMs: number;
  readonly observed: boolean;
  readonly misfortunes: readonly MisfortuneDraw[];
  readonly udpBlock: UdpBlockDraw | undefined;
  readonly mtu: MtuDraw;
  readonly ending: "close" | "vanish" | "host stops" | "host vanishes";
}

export function drawOf(seed: number): Draw {
  const prng = new Prng(seed, "swarm");
  const lossy = prng.chance(0.35) ? prng.pick([0.01, 0.05, 0.1]) : 0;
  const mixed = prng.chance(0.25);
  const host = drawEnd(prng, mixed, lossy);
  const clientCount = prng.chance(0.95) ? 1 : prng.pick([2, 2, 2, 3, 5]);
  const clients = Array.from({ length: clientCount }, () => drawEnd(prng, mixed, lossy));
  const datagrams = 6 + prng.below(8);
  const everyMs = prng.pick([10, 20, 50, 100]);
  return {
    seed,
    host,
    clients,
    shared: drawShared(prng, clientCount),
    serverLine: drawLine(prng, lossy),
    detour: prng.chance(0.15) ? { to: prng.pick(["server", "host"]), delayMs: 10 + prng.below(120) } : undefined,
    early: prng.chance(0.3),
    datagrams,
    everyMs,
    sizes: prng.pick(["small", "small", "large", "mixed"]),
    pushes: prng.chance(0.25),
    waitMs: prng.chance(0.08) ? prng.pick([25_000, 55_000, 100_000, 400_000]) : 0,
    pauseMs: prng.chance(0.05) ? prng.pick([8000, 35_000, 70_000, 200_000]) : 0,
    // A first message that was refused for its time could be sent again by the observer once its time has come.
    observed: prng.chance(0.2) && clients.every(({ clockOffsetMs }) => clockOffsetMs === 0),
    misfortunes: drawMisfortunes(prng, datagrams * everyMs, () => drawHome(prng, mixed, lossy)),
    udpBlock: drawUdpBlock(seed, datagrams * everyMs, lossy > 0),
    mtu: drawMtu(seed),
    ending: drawEnding(prng),
  };
}

/** Whether anything befalls anybody. */
export function isTroubled({ misfortunes, udpBlock }: Draw): boolean {
  return misfortunes.length > 0 || udpBlock !== undefined;
}

/** Whether any line loses datagrams. */
export function isLossy(draw: Draw): boolean {
  return linesOf(draw).some(({ lossRate }) => lossRate > 0);
}

/** Whether datagrams overtake each other on any line. */
export function isReordered(draw: Draw): boolean {
  return linesOf(draw).some(({ reorderRate }) => reorderRate > 0);
}

function linesOf({ host, clients, serverLine }: Draw): LineDraw[] {
  return [host.home.line, serverLine, ...clients.map(({ home }) => home.line)];
}

function drawEnd(prng: Prng, mixed: boolean, lossy: number): EndDraw {
  const home = drawHome(prng, mixed, lossy);
  const clockOffsetMs = prng.chance(0.1) ? prng.pick([-86_400_000, -400_000, -20_000, 40_000, 3_600_000]) : 0;
  return { home, clockOffsetMs };
}

function drawHome(prng: Prng, mixed: boolean, lossy: number): HomeDraw {
  const families = mixed ? prng.pick(["4", "6", "46"] as const) : "4";
  const nat = prng.chance(0.12) ? undefined : prng.pick(natNames);
  return {
    families,
    nat,
    carrier: nat !== undefined && prng.chance(0.1) ? prng.pick(natNames) : undefined,
    firewall: prng.chance(0.8),
    shortLived: prng.chance(0.15),
    line: drawLine(prng, lossy),
  };
}

function drawShared(prng: Prng, clients: number): Draw["shared"] {
  if (clients > 1 && prng.chance(0.3)) return "clients' router";
  if (prng.chance(0.06)) return "host's router";
  return prng.chance(0.06) ? "host's carrier" : "nothing";
}

/** Clients look for a host that vanished for ten minutes, which takes as long as ten other worlds. */
function drawEnding(prng: Prng): Draw["ending"] {
  if (prng.chance(0.003)) return "host vanishes";
  return prng.chance(0.8) ? "close" : prng.pick(["vanish", "host stops"]);
}
