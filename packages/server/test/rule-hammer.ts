import type { Rule } from "@fractal-punch/server/core";
import { at } from "./test-server.ts";

export interface HammerReport {
  readonly looks: number;
  /** Rules that stood all the time and were not found. */
  readonly lost: number;
  /** What was found was no one rule. */
  readonly torn: number;
}

/** All of it follows from two numbers, so that a mixture of two rules shows. */
export function hammeredRule(i: number, turn: number, credit: number): Rule {
  const mark = turn % 1_000;
  return {
    kind: "session",
    port: i % 3,
    from: at(`192.0.2.${i % 200}:${1_000 + i}`),
    number: 0x4000 + i,
    outPort: mark,
    to: at(`198.51.${mark >> 8}.${mark & 255}:${2_000 + mark}`),
    outNumber: 0x4000 + mark,
    credit,
    endsAt: Infinity,
  };
}
