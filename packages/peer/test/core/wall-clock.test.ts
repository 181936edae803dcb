import assert from "node:assert/strict";
import { test } from "node:test";
import { WallClock } from "../../dist/core/wall-clock.js";

const epochMs = 1_800_000_000_000;
const hourMs = 3_600_000;

test("the server's time is this machine's own until the server has told it", () => {
  const clock = new WallClock();
  clock.set(500, epochMs);
  assert.equal(clock.serverMs(500), epochMs);
  assert.equal(clock.serverMs(1700), epochMs + 1200);
});

test("a clock that is an hour off counts by the server's, half a round trip after it was told", () => {
  const clock = new WallClock();
  clock.set(500, epochMs - hourMs);
  clock.learn(600, epochMs, 80);
  assert.equal(clock.serverMs(600), epochMs + 40);
  assert.equal(clock.serverMs(1600), epochMs + 1040);
});

test("after sleep, during which `now` stood still, the time of day moves on by what the clock says", () => {
  const clock = new WallClock();
  clock.set(0, epochMs - hourMs);
  clock.learn(0, epochMs, 0);
  clock.set(1000, epochMs - hourMs + 1000 + 8 * hourMs);
  assert.equal(clock.serverMs(1000), epochMs + 1000 + 8 * hourMs);
});

test("it never tells a time before 1970, and always a whole number", () => {
  const clock = new WallClock();
  assert.equal(clock.serverMs(0.4), 0);
  clock.learn(1000, 0, 0);
  assert.equal(clock.serverMs(10), 0);
  assert.equal(clock.serverMs(1234.56), 235);
});
