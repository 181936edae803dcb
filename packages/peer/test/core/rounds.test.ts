import assert from "node:assert/strict";
import { test } from "node:test";
import { Rounds } from "../../dist/core/rounds.js";

for (const [line, rttMs, expected] of [
  ["", undefined, [1000, 1250, 1750, 2750]],
  [", and later over a slow line", 400, [1000, 1600, 2800, 5200]],
] as const)
  test(`the candidates of a round go out at once, and three times more as long as no answer comes${line}`, () => {
    const rounds = new Rounds();
    rounds.begin(1000, Infinity);
    assert.deepEqual(
      times(rounds, (now) => rounds.takeRepeat(now, rttMs)),
      expected,
    );
  });

test("the answer to the round ends its repeats, that to an earlier round does not", () => {
  const rounds = new Rounds();
  rounds.begin(0, Infinity);
  rounds.begin(1000, Infinity);
  assert.equal(rounds.round, 2);
  assert(rounds.takeRepeat(1000, undefined));
  assert.equal(rounds.answered(1), false);
  assert.equal(rounds.dueAtMs, 1250);
  assert.equal(rounds.answered(2), true);
  assert.equal(rounds.dueAtMs, Infinity);
});

test("probing starts when it is told to, which is when the candidates arrive", () => {
  const rounds = new Rounds();
  rounds.begin(1000, 30);
  assert.equal(rounds.takeProbing(1029), false);
  assert.equal(rounds.takeProbing(1030), true);
  assert.equal(rounds.takeProbing(1031), false);
  assert.equal(rounds.answered(1), false, "probing has begun already");
});

test("an answer that comes before starts the probing, once", () => {
  const rounds = new Rounds();
  rounds.begin(1000, 30);
  assert.equal(rounds.answered(1), true);
  assert.equal(rounds.answered(1), false);
  assert.equal(rounds.takeProbing(1030), false);
});

test("where the round trip is not known, the answer starts the probing", () => {
  const rounds = new Rounds();
  rounds.begin(1000, Infinity);
  assert.equal(rounds.takeProbing(5000), false);
  assert.equal(rounds.answered(1), true);
});

test("while the application is at work, rounds come after 2, 4 and 8 s, then every 10 s", () => {
  const rounds = new Rounds();
  rounds.schedule(0, false);
  const held = times(rounds, (now) => rounds.takeScheduled(now, 0), 40_000);
  assert.deepEqual(held, [2000, 6000, 14_000, 24_000, 34_000]);
});

test("while the application is idle they come every minute, and within 2 s when it is back", () => {
  const rounds = new Rounds();
  rounds.schedule(0, false);
  assert.equal(rounds.takeScheduled(2000, 5001), true);
  assert.equal(rounds.dueAtMs, 62_000);
  rounds.hurry(10_000);
  assert.equal(rounds.dueAtMs, 12_000);
  rounds.hurry(11_000);
  assert.equal(rounds.dueAtMs, 12_000, "never later than it was");
});

test("after a direct path was lost the first round is held at once", () => {
  const rounds = new Rounds();
  rounds.schedule(7000, true);
  assert.equal(rounds.takeScheduled(7000, 0), true);
  assert.equal(rounds.dueAtMs, 11_000);
});

test("without a schedule there is none, and hurrying makes none", () => {
  const rounds = new Rounds();
  rounds.schedule(0, false);
  rounds.unschedule();
  rounds.hurry(0);
  assert.equal(rounds.dueAtMs, Infinity);
  assert.equal(rounds.takeScheduled(1_000_000, 0), false);
});

test("the number of a round fits two bytes for ever", () => {
  const rounds = new Rounds();
  for (let i = 0; i < 65_536; i++) rounds.begin(i, Infinity);
  assert.equal(rounds.round, 0);
});

/** When `take` says yes, with a wake-up whenever something is due. */
function times(rounds: Rounds, take: (now: number) => boolean, untilMs = 10_000): number[] {
  const taken: number[] = [];
  while (rounds.dueAtMs <= untilMs) {
    const now = rounds.dueAtMs;
    assert.equal(take(now - 1), false, "not before it is due");
    if (take(now)) taken.push(now);
  }
  return taken;
}
