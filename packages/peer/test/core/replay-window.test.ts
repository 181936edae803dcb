import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ReplayWindow, windowPackets } from "../../dist/core/replay-window.js";

test("it agrees with a plain set of counters on any sequence of packets", () => {
  fc.assert(
    fc.property(start, fc.array(step, { maxLength: 120 }), (first, steps) => {
      const both = new Both();
      both.receive(first);
      for (const { from, offset } of steps) both.receive((from === "top" ? both.highest : first) + offset);
    }),
    { numRuns: 400 },
  );
});

test("it agrees with a plain set of counters on long runs that go round the ring", () => {
  fc.assert(
    fc.property(fc.nat(70_000), fc.integer({ min: 1, max: 97 }), (first, stride) => {
      const both = new Both();
      for (let counter = first; counter < first + 40_000; counter += stride) {
        both.receive(counter);
        both.receive(counter - (counter % 9_000));
      }
    }),
    { numRuns: 8 },
  );
});

test("exactly 8,192 counters may still come: the highest and the 8,191 before it", () => {
  assert.equal(windowPackets, 8192);
  const window = new ReplayWindow();
  window.accept(100_000);
  assert.equal(window.allows(100_000 - 8191), true);
  assert.equal(window.allows(100_000 - 8192), false);
  assert.equal(window.allows(100_000), false);
  assert.equal(window.allows(100_001), true);
});

test("the first packet may have any counter, the largest that is ever read too", () => {
  const largest = Number.MAX_SAFE_INTEGER;
  const both = new Both();
  for (const counter of [0, 1, largest - 8191, largest - 1, largest, largest, largest - 8192, 0]) both.receive(counter);
});

test("asking whether a counter is allowed changes nothing", () => {
  const window = new ReplayWindow();
  window.accept(5);
  assert.equal(window.allows(1_000_000), true);
  assert.equal(window.allows(4), true);
  assert.equal(window.allows(4), true);
});

const start = fc.oneof(fc.nat(40_000), fc.integer({ min: 2 ** 31 - 20_000, max: 2 ** 33 }), fc.constant(2 ** 52));
const edge = fc.tuple(fc.constantFrom(0, 32, 8160, 8192, 16_352, 16_384, 24_576), fc.integer({ min: -2, max: 2 }));
const offset = fc.oneof(
  fc.integer({ min: -40, max: 40 }),
  edge.map(([near, by]) => near + by),
  edge.map(([near, by]) => by - near),
  fc.integer({ min: -20_000, max: 20_000 }),
  fc.nat(2 ** 40),
);
const step = fc.record({ from: fc.constantFrom("top", "first"), offset });

/** The window beside a set of everything that was accepted. */
class Both {
  highest = -1;
  readonly #window = new ReplayWindow();
  readonly #accepted = new Set<number>();

  receive(counter: number): void {
    if (counter < 0 || !Number.isSafeInteger(counter)) return;
    const expected = counter > this.highest - 8192 && !this.#accepted.has(counter);
    assert.equal(this.#window.allows(counter), expected, `counter ${counter}, highest ${this.highest}`);
    if (!expected) return;
    this.#window.accept(counter);
    this.#accepted.add(counter);
    this.highest = Math.max(this.highest, counter);
  }
}
