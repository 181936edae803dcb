import assert from "node:assert/strict";
import { test } from "node:test";
import { FlowTable, flowIdleMs, maxFlows } from "../dist/flow-table.js";

test("the flow that was silent longest gives way to one more than there is room for", () => {
  const { flows, ended } = table();
  for (let key = 0; key < maxFlows; key++) flows.add(key, key, 0);
  flows.use(0, 1);
  flows.add(maxFlows, maxFlows, 2);
  assert.deepEqual(ended, [1]);
  assert.equal(flows.size, maxFlows);
  assert.equal(flows.use(0, 3), 0);
});

test("a flow ends when it carried nothing for the idle time, and not before", () => {
  const { flows, ended } = table();
  flows.add(1, 1, 0);
  flows.add(2, 2, 0);
  flows.use(1, 1000);
  flows.endIdle(flowIdleMs - 1);
  assert.deepEqual(ended, []);
  flows.endIdle(flowIdleMs);
  assert.deepEqual(ended, [2]);
  flows.endIdle(flowIdleMs + 1000);
  assert.deepEqual(ended, [2, 1]);
  assert.equal(flows.use(1, flowIdleMs + 1000), undefined);
});

test("all flows end with their session, and a flow that takes another's key ends that one", () => {
  const { flows, ended } = table();
  flows.add(1, 10, 0);
  flows.add(1, 11, 0);
  flows.add(2, 12, 0);
  assert.deepEqual(ended, [10]);
  flows.endAll();
  assert.deepEqual(ended, [10, 11, 12]);
  assert.equal(flows.size, 0);
});

function table(): { flows: FlowTable<number>; ended: number[] } {
  const ended: number[] = [];
  return { flows: new FlowTable((flow) => ended.push(flow)), ended };
}
