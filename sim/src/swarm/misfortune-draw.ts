/** What befalls a swarm's world, and when. */
import type { Prng } from "../prng.ts";
import type { HomeDraw } from "./draw.ts";

const misfortuneKinds = [
  "client and host are cut off from each other",
  "nothing passes from client to host",
  "nothing passes from host to client",
  "client and host lose half of what they send each other",
  "the client is cut off from the server",
  "the host is cut off from the server",
  "the server restarts without its state",
  "the server is away",
  "the client's routers forget",
  "the host's routers forget",
  "the client's router gets another address",
  "the host's router gets another address",
  "the client moves",
  "the host moves",
  "the client sleeps",
  "the host sleeps",
  "the client's clock jumps",
  "the host's clock jumps",
  "the host restarts",
] as const;

export type MisfortuneKind = (typeof misfortuneKinds)[number];

export interface MisfortuneDraw {
  readonly kind: MisfortuneKind;
  /** From the start of the stream. */
  readonly atMs: number;
  readonly forMs: number;
  /** By how much a clock jumps. */
  readonly shiftMs: number;
  /** Where it moves to. */
  readonly home: HomeDraw;
}

/** None, one, or two; they begin within the stream. */
export function drawMisfortunes(prng: Prng, streamMs: number, drawHome: () => HomeDraw): MisfortuneDraw[] {
  const count = prng.pick([0, 0, 1, 1, 1, 2]);
  return Array.from({ length: count }, () => ({
    kind: prng.pick(misfortuneKinds),
    atMs: prng.below(streamMs),
    forMs: prng.pick([100, 400, 800, 1300, 1800, 2500, 4000]),
    shiftMs: prng.pick([-3_600_000, -20_000, 20_000, 3_600_000]),
    home: drawHome(),
  }));
}
