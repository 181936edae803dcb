import assert from "node:assert/strict";
import { test } from "node:test";
import { Crowd } from "@fractal-punch/sim";

test("a hundred clients of four hosts, behind all kinds of NATs, each get their datagrams through, once", () => {
  const crowd = new Crowd(3, 4);
  crowd.connect(100);
  for (const number of [0, 1, 2]) crowd.send(number);
  const sent = Array.from({ length: 100 }, (_, client) => [0, 1, 2].map((number) => `${client}/${number}`)).flat();
  assert.deepEqual(crowd.received.toSorted(), sent.toSorted());
});
