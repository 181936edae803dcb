import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LossMeter } from "../../dist/core/loss-meter.js";

const probe = fc.record({ gapMs: fc.nat({ max: 3000 }), lost: fc.boolean() });

test("it tells the share of the last 128 probes of the last 40 s that were lost, and nothing before there are 16", () => {
  fc.assert(
    fc.property(fc.array(probe, { maxLength: 300 }), (probes) => {
      const meter = new LossMeter();
      const all: { atMs: number; lost: boolean }[] = [];
      let now = 0;
      for (const { gapMs, lost } of probes) {
        now += gapMs;
        meter.record(now, lost);
        all.push({ atMs: now, lost });
      }
      const counted = all.slice(-128).filter(({ atMs }) => now - atMs <= 40_000);
      const expected = counted.length < 16 ? 0 : counted.filter(({ lost }) => lost).length / counted.length;
      assert.equal(meter.ratio, expected);
    }),
  );
});

test("a path that fell idle while it lost datagrams is not held to that for ever", () => {
  const meter = new LossMeter();
  for (let i = 0; i < 32; i++) meter.record(300 * i, true);
  assert.equal(meter.ratio, 1);
  meter.record(60_000, false);
  assert.equal(meter.ratio, 0);
});

test("a path that got better is known by its last 32 probes, and can be forgiven", () => {
  const meter = new LossMeter();
  for (let i = 0; i < 64; i++) meter.record(300 * i, i % 2 === 0);
  for (let i = 64; i < 96; i++) meter.record(300 * i, false);
  assert.equal(meter.ratio, 32 / 96);
  assert.equal(meter.recentRatio, 0);
  meter.forget();
  for (let i = 96; i < 112; i++) meter.record(300 * i, false);
  assert.equal(meter.ratio, 0);
});
