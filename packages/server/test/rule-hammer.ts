import { addressWords, writeAddressWords } from "@fractal-punch/machine";
import type { Rule, RuleMemory } from "@fractal-punch/server/core";
import { at } from "./test-server.ts";

export interface HammerReport {
  readonly looks: number;
  /** Times that a rule was not found which stood before, and after, and had not changed between. */
  readonly lost: number;
  /** What was found was no one rule. */
  readonly torn: number;
}

/** All of it follows from two numbers, so that a mixture of two rules shows. */
export function hammeredRule(key: number, turn: number, credit: number): Rule {
  const mark = turn % 1_000;
  return {
    kind: "session",
    port: key % 3,
    from: at(`192.0.2.${key % 200}:${1_000 + key}`),
    number: 0x4000 + (key & 0xfff),
    outPort: mark,
    to: at(`198.51.${mark >> 8}.${mark & 255}:${2_000 + mark}`),
    outNumber: 0x4000 + mark,
    credit,
    endsAt: Infinity,
  };
}

/** Keys whose places in the index begin so close to each other that most of them stand behind others. */
export function crowdedKeys(memory: RuleMemory, count: number): number[] {
  const keys: number[] = [];
  const from = new Uint32Array(addressWords);
  for (let key = 0; keys.length < count; key++) {
    const rule = hammeredRule(key, 0, 0);
    writeAddressWords(from, 0, rule.from);
    const first = memory.firstSlot(rule.port, from, 0, rule.number);
    if (memory.distance(memory.slotAt(0), first) < count / 4) keys.push(key);
  }
  return keys;
}
