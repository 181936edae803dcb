import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesText, durationText, msText, rateText, secondsFromText } from "../dist/quantity.js";
import { Rates } from "../dist/rates.js";

test("a time to live is a number with a unit, seconds without one", () => {
  const taken = ["90", "90s", "15m", "12h", "30d", "2w", "1y"].map(secondsFromText);
  assert.deepEqual(taken, [90, 90, 900, 43_200, 2_592_000, 1_209_600, 31_536_000]);
  for (const text of ["", "0", "0d", "-1d", "1.5h", "1 d", "1month", "d"])
    assert.equal(secondsFromText(text), undefined, text);
});

test("quantities read with the unit that fits them", () => {
  assert.deepEqual([640, 12_100, 3_400_000].map(bytesText), ["640 bytes", "12 kB", "3.4 MB"]);
  assert.deepEqual([0, 150, 1_512_500].map(rateText), ["0 kbit/s", "1.2 kbit/s", "12 Mbit/s"]);
  assert.deepEqual([0.34, 12.42, 152.4].map(msText), ["0.3 ms", "12.4 ms", "152 ms"]);
  assert.deepEqual([3000, 240_000, 5 * 3_600_000, 6 * 86_400_000].map(durationText), ["3 s", "4 min", "5 h", "6 days"]);
});

test("rates are what was counted since the last look, and stay while one looks again at once", () => {
  const rates = new Rates(0);
  assert.equal(rates.text({ sentBytes: 1000, receivedBytes: 250 }, 1000), "8.0 kbit/s out, 2.0 kbit/s in");
  assert.equal(rates.text({ sentBytes: 9000, receivedBytes: 250 }, 1100), "8.0 kbit/s out, 2.0 kbit/s in");
  assert.equal(rates.text({ sentBytes: 9000, receivedBytes: 250 }, 2000), "64 kbit/s out, 0 kbit/s in");
});
