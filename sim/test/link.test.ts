import assert from "node:assert/strict";
import { test } from "node:test";
import { Link, type LinkOptions, Prng } from "@fractal-punch/sim";

test("a link without faults delivers after its delay, exactly", () => {
  const link = new Link({ delayMs: 35 }, new Prng(1));
  assert.equal(link.enter(10, 1200), "passed");
  assert.deepEqual([link.arrivesAtMs, link.copyArrivesAtMs], [45, Infinity]);
});

test("jitter stays within its bound, is spread over it, and keeps the order", () => {
  const arrivals = run({ delayMs: 10, jitterMs: 4 }, 2000, 0.01);
  assert.deepEqual(
    arrivals,
    arrivals.toSorted((a, b) => a - b),
  );
  const apart = run({ delayMs: 10, jitterMs: 4 }, 2000, 100).map((at, i) => at - 100 * i - 10);
  assert.ok(Math.min(...apart) >= 0 && Math.max(...apart) < 4);
  const mean = apart.reduce((sum, delay) => sum + delay, 0) / apart.length;
  assert.ok(mean > 1.9 && mean < 2.1, `mean ${mean}`);
});

test("loss takes the share that was asked for", () => {
  const passed = run({ lossRate: 0.05 }, 20_000, 1).length;
  assert.ok(passed > 18_850 && passed < 19_150, `${passed} of 20000 passed`);
  assert.equal(run({ lossRate: 1 }, 100, 1).length, 0);
});

test("duplicates come within a millisecond of the first, in the share that was asked for", () => {
  const link = new Link({ delayMs: 5, duplicateRate: 0.1 }, new Prng(3));
  let copies = 0;
  for (let i = 0; i < 10_000; i++) {
    link.enter(i, 100);
    if (link.copyArrivesAtMs === Infinity) continue;
    copies++;
    assert.ok(link.copyArrivesAtMs >= link.arrivesAtMs && link.copyArrivesAtMs < link.arrivesAtMs + 1);
  }
  assert.ok(copies > 900 && copies < 1100, `${copies} of 10000`);
});

test("datagrams that are held back are overtaken by later ones, and by nothing else", () => {
  const arrivals = run({ delayMs: 10, reorderRate: 0.2, reorderMs: 7 }, 1000, 1);
  const late = arrivals.filter((at, i) => at - i === 17).length;
  assert.ok(late > 150 && late < 250, `${late} of 1000`);
  assert.ok(arrivals.every((at, i) => at - i === 10 || at - i === 17));
});

test("a rate spreads a burst out, and the queue drops what it cannot hold", () => {
  const link = new Link({ delayMs: 10, rateBps: 8_000_000, queueBytes: 3000 }, new Prng(1));
  const fates = Array.from({ length: 4 }, () => [link.enter(0, 972), link.arrivesAtMs]);
  assert.deepEqual(fates, [
    ["passed", 11],
    ["passed", 12],
    ["passed", 13],
    ["queue-full", 13],
  ]);
  assert.deepEqual([link.enter(2, 972), link.arrivesAtMs], ["passed", 14]);
});

test("a change touches what it names and nothing else, and a negative number is refused by name", () => {
  const link = new Link({ delayMs: 10, lossRate: 1 }, new Prng(1));
  link.change({ lossRate: 0 });
  assert.equal(link.enter(0, 1), "passed");
  assert.equal(link.arrivesAtMs, 10);
  assert.throws(() => link.change({ jitterMs: -1 }), /jitterMs is -1/);
});

/** When `count` datagrams, `everyMs` apart, come out. */
function run(options: LinkOptions, count: number, everyMs: number): number[] {
  const link = new Link(options, new Prng(2));
  const arrivals: number[] = [];
  for (let i = 0; i < count; i++) if (link.enter(i * everyMs, 100) === "passed") arrivals.push(link.arrivesAtMs);
  return arrivals;
}
