import assert from "node:assert/strict";
import { test } from "node:test";
import {
  changes,
  changeText,
  type Figure,
  type KeptFigure,
  Latencies,
  median,
  merged,
  Pacer,
  shortTexts,
  spread,
} from "@fractal-punch/bench";

test("a percentile is the smallest latency that no less than that share of them stay within", () => {
  const latencies = new Latencies(1_000);
  for (let ticks = 1_000; ticks >= 1; ticks--) latencies.add(10 * ticks);
  assert.deepEqual(latencies.summary(), { p50: 500, p90: 900, p99: 990, p999: 999 });
  latencies.clear();
  latencies.add(70);
  assert.deepEqual(latencies.summary(), { p50: 7, p90: 7, p99: 7, p999: 7 });
});

test("a pacer makes up for what is a little late, and leaves out what is very late", () => {
  const pacer = new Pacer(1, 100);
  const due = (now: number): number => {
    let count = 0;
    while (pacer.isDue(now)) count++;
    return count;
  };
  assert.equal(due(100), 1);
  assert.equal(due(100.5), 0);
  assert.equal(due(103), 3);
  assert.equal(due(1_000), 1);
  assert.equal(due(1_001), 1);
});

test("only ratios that differ by more than their rounds did are changes", () => {
  const before = [ratio("steady", 1), ratio("noisy", 1, 0.2), ratio("worse", 0.5, 0.02), time("slower", 4)];
  const now = [
    ratio("steady", 1.05),
    ratio("noisy", 1.3),
    ratio("worse", 0.75, 0.02),
    time("slower", 9),
    ratio("new", 1),
  ];
  const found = changes(before, now);
  assert.deepEqual(found, [{ name: "worse", before: 0.5, now: 0.75 }]);
  assert.deepEqual(found.map(changeText), ["worse: worse: 0.50 x before, 0.75 x now (+50 %)"]);
});

test("what time goes to is told of those that fall short, and of no others", () => {
  const figures = [
    { ...time("short", 5), atMost: 4, spentOn: "one thing" },
    { ...time("met", 3), atMost: 4, spentOn: "another" },
    { ...time("unexplained", 5), atMost: 4 },
  ];
  assert.deepEqual(shortTexts(figures), ["short: one thing"]);
});

test("what is kept of a part is replaced by its new figures, and stays in its place", () => {
  const old = { machine: "another", figures: [kept("a", "first"), kept("b", "gone"), kept("c", "last")] };
  const { figures } = merged(old, ["a", "b", "c"], [kept("b", "new")]);
  assert.deepEqual(
    figures.map(({ name }) => name),
    ["first", "new", "last"],
  );
});

test("the spread of values is that of their middle half", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(spread([1, 9, 10, 11, 90]), 0.2);
});

function ratio(name: string, value: number, noise = 0): Figure {
  return { name, value, unit: "x", noise };
}

function time(name: string, value: number): Figure {
  return { name, value, unit: "us" };
}

function kept(part: string, name: string): KeptFigure {
  return { part, name, value: 1, unit: "x" };
}
