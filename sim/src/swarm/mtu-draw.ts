/** How large packets may be on the lines of a swarm's world, and how much of that its applications use. */
import { Prng } from "../prng.ts";
import type { Home } from "./homes.ts";
import { renumber } from "./misfortunes.ts";
import type { Scene } from "./scene.ts";

export interface MtuDraw {
  /** Of the homes' lines, in the order in which homes are built. */
  readonly homes: readonly number[];
  /** For a while the applications send datagrams as large as they can. */
  readonly fills: boolean;
  /** Meanwhile less passes at the first client's home, or the host's, and nobody says so: a black hole. */
  readonly fall: { readonly at: "client" | "host"; readonly afterMs: number; readonly mtuBytes: number } | undefined;
  /** Meanwhile the first client's router gets another address, so that the host has to use another path. */
  readonly renumberedAfterMs: number | undefined;
}

const ethernet = 1500;
const others = [1492, 1480, 1460, 1440, 1420, 1400, 1380, 1340, 1300, 1280];
const homes = 8;
/** So long, and so often. */
const fillMs = 6000;
const fillGapMs = 100;

/** From randomness of its own, so that a seed means what it would mean without this file, but for the sizes. */
export function drawMtu(seed: number): MtuDraw {
  const prng = new Prng(seed, "swarm mtu");
  const fall = {
    at: prng.pick(["client", "host"] as const),
    afterMs: prng.below(fillMs),
    mtuBytes: prng.pick([1280, 1300, 1400, 1420, 1460]),
  };
  const fills = prng.chance(0.2);
  return {
    fills,
    fall: fills && prng.chance(0.3) ? fall : undefined,
    homes: Array.from({ length: homes }, () => (prng.chance(0.6) ? ethernet : prng.pick(others))),
    renumberedAfterMs: fills && prng.chance(0.2) ? prng.below(fillMs) : undefined,
  };
}

/** Whether anything befalls anybody meanwhile. */
export function isFillTroubled({ fall, renumberedAfterMs }: MtuDraw): boolean {
  return fall !== undefined || renumberedAfterMs !== undefined;
}

/** The applications send as much as they can. */
export function fill(scene: Scene): void {
  const { world, draw, clientHomes, hostHome } = scene;
  const { fall, renumberedAfterMs } = draw.mtu;
  if (renumberedAfterMs !== undefined) world.after(renumberedAfterMs, () => renumber(scene, clientHomes[0]));
  if (fall !== undefined)
    world.after(fall.afterMs, () => lessen(fall.at === "host" ? hostHome : clientHomes[0], fall.mtuBytes));
  scene.fills = true;
  for (let passedMs = 0; passedMs < fillMs; passedMs += fillGapMs) {
    scene.send();
    world.run(world.now + fillGapMs);
  }
}

/** How large the packets are that both homes' lines take. */
export function commonMtu(a: Home, b: Home): number {
  return Math.min(...[...a.behind, ...b.behind].map(({ line }) => line.up.options.mtuBytes ?? Infinity));
}

function lessen(home: Home | undefined, mtuBytes: number): void {
  for (const { line } of home?.behind ?? []) {
    const before = line.up.options.mtuBytes ?? Infinity;
    line.change({ mtuBytes: Math.min(before, mtuBytes) });
  }
}
