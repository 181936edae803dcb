/** Networks that let no UDP pass: some from the start, some for a while, some for ever. */
import { Prng } from "../prng.ts";
import type { Home } from "./homes.ts";
import type { Scene } from "./scene.ts";

export interface UdpBlockDraw {
  readonly at: readonly ("client" | "host")[];
  /** From the start of the stream; absent: already before the host starts. */
  readonly fromMs?: number;
  /** Absent: for ever. */
  readonly forMs?: number;
}

/**
 * From randomness of its own, so that a seed without a block means what it would mean without this file. `isLossy`: then it
 * comes when the clients are there, since over lines that lose a quarter of all segments TLS may take longer than the ten
 * seconds of a Connect.
 */
export function drawUdpBlock(seed: number, streamMs: number, isLossy: boolean): UdpBlockDraw | undefined {
  const prng = new Prng(seed, "swarm udp");
  if (!prng.chance(0.06)) return undefined;
  return {
    at: prng.pick([["client"], ["host"], ["client", "host"]] as const),
    ...((prng.chance(0.5) || isLossy) && { fromMs: prng.below(streamMs) }),
    ...(prng.chance(0.7) && { forMs: prng.pick([300, 1500, 4000, 12_000]) }),
  };
}

/** Lets it come, and go, from now on; gives the time by which it is over, or has come to stay. */
export function blockUdp({ world, draw, clientHomes, hostHome }: Scene): number {
  const { udpBlock } = draw;
  if (udpBlock === undefined) return world.now;
  const { at, fromMs = 0, forMs = 0 } = udpBlock;
  const homes = at.map((end) => (end === "host" ? hostHome : clientHomes[0]));
  const routers = homes.flatMap((home) => home?.behind ?? []);
  const set = (blocks: boolean): void => {
    for (const router of routers) router.blocksUdp = blocks;
  };
  world.after(fromMs, () => set(true));
  if (udpBlock.forMs !== undefined) world.after(fromMs + forMs, () => set(false));
  return world.now + fromMs + forMs;
}

/** Whether UDP does not get out of that home now. */
export function isBlocked(home: Home): boolean {
  return home.behind.some(({ blocksUdp }) => blocksUdp);
}
