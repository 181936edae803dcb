/** What lines in a swarm's worlds are like. */
import type { LinkOptions } from "../link.ts";
import type { LineOptions } from "../network.ts";
import type { Prng } from "../prng.ts";

export interface LineDraw {
  readonly delayMs: number;
  /** Other delay, or loss, away from the middle than towards it. */
  readonly down: LinkOptions | undefined;
  readonly jitterMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly reorderRate: number;
  readonly rateBps: number | undefined;
}

/** `lossy`: the largest share of datagrams that lines of this world lose. */
export function drawLine(prng: Prng, lossy: number): LineDraw {
  const lossRate = prng.unit() * lossy;
  const asymmetric = prng.chance(0.2);
  const delayMs = 1 + prng.below(prng.chance(0.1) ? 120 : 50);
  return {
    delayMs,
    down: asymmetric ? { delayMs: 1 + prng.below(150), lossRate: prng.unit() * lossy } : undefined,
    // With fractions of all lengths, as real times have.
    jitterMs: prng.chance(0.3) ? prng.unit() * 15 : 0,
    lossRate,
    duplicateRate: prng.chance(0.4) ? prng.unit() * 0.1 : 0,
    reorderRate: prng.chance(0.3) ? prng.unit() * 0.1 : 0,
    rateBps: prng.chance(0.05) ? 1_000_000 + prng.below(4_000_000) : undefined,
  };
}

export function lineOptionsOf({ down, rateBps, ...options }: LineDraw): LineOptions {
  return { ...options, ...(rateBps !== undefined && { rateBps }), ...(down && { down }) };
}

export function lineText({ delayMs, down, jitterMs, lossRate, duplicateRate, reorderRate, rateBps }: LineDraw): string {
  const parts = [`${delayMs} ms`];
  if (down) parts.push(`down ${down.delayMs} ms and ${percent(down.lossRate ?? 0)} lost`);
  if (jitterMs > 0) parts.push(`jitter ${jitterMs.toFixed(1)} ms`);
  if (lossRate > 0) parts.push(`${percent(lossRate)} lost`);
  if (duplicateRate > 0) parts.push(`${percent(duplicateRate)} twice`);
  if (reorderRate > 0) parts.push(`${percent(reorderRate)} late`);
  if (rateBps !== undefined) parts.push(`${(rateBps / 1e6).toFixed(1)} Mbit/s`);
  return parts.join(", ");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
