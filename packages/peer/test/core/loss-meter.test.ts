import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LossMeter } from "../../dist/core/loss-meter.js";

test("it tells the share of the last 32 probes that were lost, and nothing before there are 16", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 100 }), (outcomes) => {
      const meter = new LossMeter();
      for (const lost of outcomes) meter.record(lost);
      const last = outcomes.slice(-32);
      const expected = last.length < 16 ? 0 : last.filter(Boolean).length / last.length;
      assert.equal(meter.ratio, expected);
    }),
  );
});
