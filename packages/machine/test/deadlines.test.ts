import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Deadline, Deadlines } from "@fractal-punch/machine";
import fc from "fast-check";

test("deadlines behave as a plain table of times does", () => {
  const commands = [
    fc.tuple(owner(), time()).map(([at, dueAt]) => new SetCommand(at, dueAt)),
    fc.tuple(owner(), fc.boolean()).map(([at, forGood]) => new ClearCommand(at, forGood)),
    time().map((now) => new PopCommand(now)),
    time().map((now) => new DrainCommand(now)),
  ];
  fc.assert(
    fc.property(fc.commands(commands, { maxCommands: 120, size: "max" }), (sequence) => {
      fc.modelRun(() => ({ model: { times: new Map<number, number>() }, real: new Table() }), sequence);
    }),
    { numRuns: 200 },
  );
});

test("a deadline that is not due is not popped, and one that is due is popped once", () => {
  const deadlines = new Deadlines<string>();
  const deadline = deadlines.create("owner", "reason");
  assert.equal(deadlines.next(), Infinity);
  deadlines.set(deadline, 10);
  assert.equal(deadlines.pop(9.999), undefined);
  assert.equal(deadlines.pop(10), deadline);
  assert.deepEqual([deadline.owner, deadline.reason, deadline.dueAt], ["owner", "reason", Infinity]);
  assert.equal(deadlines.pop(1e9), undefined);
  assert.equal(deadlines.next(), Infinity);
});

test("all that is due is taken in one call, but for what arms itself for the same time again and again", () => {
  const deadlines = new Deadlines<string>();
  const [stubborn, other, later] = ["stubborn", "other", "later"].map((name) => deadlines.create(name, "reason"));
  assert(stubborn && other && later);
  deadlines.set(stubborn, 5);
  deadlines.set(other, 10);
  deadlines.set(later, 11);
  const taken: string[] = [];
  deadlines.takeDue(10, (deadline) => {
    taken.push(deadline.owner);
    if (deadline === stubborn) deadlines.set(stubborn, 10);
  });
  assert.deepEqual([...new Set(taken)].toSorted(), ["other", "stubborn"]);
  assert.equal(deadlines.next(), 10);
});

test("a deadline that was cleared and set again to the same time is popped once", () => {
  const deadlines = new Deadlines<number>();
  const deadline = deadlines.create(1, "again");
  for (const dueAt of [20, 10, 20]) {
    deadlines.clear(deadline);
    deadlines.set(deadline, dueAt);
  }
  assert.equal(deadlines.pop(20), deadline);
  assert.equal(deadlines.pop(20), undefined);
});

test("a deadline that is refreshed 100,000 times costs no memory", () => {
  const deadlines = new Deadlines<number>();
  const deadline = deadlines.create(1, "refresh");
  const grownBytes = heapGrowth(() => {
    for (let now = 0; now < 100_000; now++) deadlines.set(deadline, now + 60_000);
  });
  assert.ok(grownBytes < 400_000, `the heap grew by ${grownBytes} bytes`);
  assert.equal(deadlines.next(), 159_999);
});

test("a deadline that moves between a near and a far time 100,000 times costs no memory", () => {
  const deadlines = new Deadlines<number>();
  const deadline = deadlines.create(1, "wavering");
  const grownBytes = heapGrowth(() => {
    for (let now = 0; now < 100_000; now++) {
      deadlines.set(deadline, now + 1_000_000);
      deadlines.set(deadline, now);
      assert.equal(deadlines.pop(now), deadline);
    }
  });
  assert.ok(grownBytes < 400_000, `the heap grew by ${grownBytes} bytes`);
  assert.equal(deadlines.next(), Infinity);
});

interface Model {
  /** Owner -> time, of those that are armed. */
  readonly times: Map<number, number>;
}

class Table {
  readonly deadlines = new Deadlines<number>();
  readonly all: Deadline<number>[] = Array.from({ length: 8 }, (_, at) => this.deadlines.create(at, `reason ${at}`));

  of(at: number): Deadline<number> {
    const deadline = this.all[at];
    assert.ok(deadline);
    return deadline;
  }
}

class SetCommand implements fc.Command<Model, Table> {
  readonly at: number;
  readonly dueAt: number;

  constructor(at: number, dueAt: number) {
    this.at = at;
    this.dueAt = dueAt;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Table): void {
    model.times.set(this.at, this.dueAt);
    real.deadlines.set(real.of(this.at), this.dueAt);
    assertSame(model, real);
  }

  toString(): string {
    return `set(${this.at}, ${this.dueAt})`;
  }
}

class ClearCommand implements fc.Command<Model, Table> {
  readonly at: number;
  /** By `drop`. */
  readonly forGood: boolean;

  constructor(at: number, forGood: boolean) {
    this.at = at;
    this.forGood = forGood;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Table): void {
    model.times.delete(this.at);
    if (this.forGood) real.deadlines.drop(real.of(this.at));
    else real.deadlines.clear(real.of(this.at));
    assertSame(model, real);
  }

  toString(): string {
    return `clear(${this.at})`;
  }
}

class PopCommand implements fc.Command<Model, Table> {
  readonly now: number;

  constructor(now: number) {
    this.now = now;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Table): void {
    popOne(this.now, model, real);
  }

  toString(): string {
    return `pop(${this.now})`;
  }
}

class DrainCommand extends PopCommand {
  override run(model: Model, real: Table): void {
    while (popOne(this.now, model, real));
  }

  override toString(): string {
    return `drain(${this.now})`;
  }
}

function popOne(now: number, model: Model, real: Table): boolean {
  const earliest = Math.min(...model.times.values());
  const popped = real.deadlines.pop(now);
  assert.equal(popped !== undefined, earliest <= now);
  if (popped !== undefined) {
    assert.equal(model.times.get(popped.owner), earliest);
    model.times.delete(popped.owner);
  }
  assertSame(model, real);
  return popped !== undefined;
}

function assertSame(model: Model, real: Table): void {
  assert.equal(real.deadlines.next(), Math.min(...model.times.values()));
  for (const deadline of real.all) assert.equal(deadline.dueAt, model.times.get(deadline.owner) ?? Infinity);
}

function owner(): fc.Arbitrary<number> {
  return fc.nat(7);
}

/** Few values, so that equal times and stale entries meet often. */
function time(): fc.Arbitrary<number> {
  return fc.nat(30);
}

/** Bytes that live on the heap after `work` and did not before, with garbage collected on both sides. */
function heapGrowth(work: () => void): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  assert.ok(typeof collect === "function");
  collect();
  const before = process.memoryUsage().heapUsed;
  work();
  collect();
  return process.memoryUsage().heapUsed - before;
}
