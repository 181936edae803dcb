import assert from "node:assert/strict";
import { test } from "node:test";
import { EventQueue } from "@fractal-punch/sim";
import fc from "fast-check";

test("items come out by time, and those of one time in the order in which they went in", () => {
  const operation = fc.option(fc.nat(5), { freq: 3 });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const queue = new EventQueue<{ at: number; order: number }>();
      let model: { at: number; order: number }[] = [];
      for (const [order, at] of operations.entries()) {
        if (at === null) {
          const [first] = model;
          assert.equal(queue.nextAt(), first?.at ?? Infinity);
          assert.deepEqual(queue.pop(), first);
          model = model.slice(1);
        } else {
          queue.push(at, { at, order });
          model = [...model, { at, order }].toSorted((a, b) => a.at - b.at || a.order - b.order);
        }
        assert.equal(queue.length, model.length);
      }
    }),
  );
});
