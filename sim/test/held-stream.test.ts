import assert from "node:assert/strict";
import { test } from "node:test";
import { BareMachine, World } from "@fractal-punch/sim";
import { at, type BareNode, bareNode } from "./bare-node.ts";

const server = "192.0.2.1:5000";

test("of a stream that is held a machine hears nothing, and then everything in order, its end last", () => {
  const { world, listener } = listening();
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  const stream = client.dial(at(server), 7000);
  world.run(100);
  listener.command({ type: "hold-stream", port: 2, to: at("192.0.2.2:7000"), isHeld: true });
  stream.write(Uint8Array.of(1, 2, 3));
  stream.write(Uint8Array.of(4, 5));
  world.run(200);
  stream.closeHalf();
  world.run(20_000);
  assert.deepEqual(heard(listener), ["stream-opened"]);
  listener.command({ type: "hold-stream", port: 2, to: at("192.0.2.2:7000"), isHeld: false });
  world.run(20_001);
  const words = heard(listener);
  assert.deepEqual([words[0], words.at(-1)], ["stream-opened", "stream-ended"]);
  assert.deepEqual(words.slice(1, -1).join(), "1,2,3,4,5");
});

test("what waits of a held stream is gone when the machine closes it", () => {
  const { world, listener } = listening();
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  const stream = client.dial(at(server), 7000);
  world.run(100);
  const to = at("192.0.2.2:7000");
  listener.command({ type: "hold-stream", port: 2, to, isHeld: true });
  stream.write(Uint8Array.of(1, 2, 3));
  world.run(200);
  listener.command({ type: "hold-stream", port: 2, to, isHeld: false });
  listener.command({ type: "close-stream", port: 2, to });
  world.run(20_000);
  assert.deepEqual(heard(listener), ["stream-opened"]);
});

test("a machine is told when a stream is full, and when all has left; what it writes in between is dropped whole", () => {
  const { world, listener } = listening();
  const client = bareNode(world, "client", { address: "192.0.2.2" });
  const stream = client.dial(at(server), 7000);
  world.run(100);
  const to = at("192.0.2.2:7000");
  const bytes = new Uint8Array(200_000).fill(7);
  for (let i = 0; i < 3; i++) listener.command({ type: "send", port: 2, to, bytes });
  world.run(20_000);
  assert.deepEqual(heard(listener), ["stream-opened", "full", "not full"]);
  assert.equal(stream.bytes.length, 200_000);
  listener.command({ type: "send", port: 2, to, bytes });
  world.run(40_000);
  assert.equal(stream.bytes.length, 400_000);
});

/** A world with a machine at 192.0.2.1 that listens to TCP on port 5000, as its port number 2. */
function listening(): { world: World; listener: BareNode } {
  const world = new World({ seed: 1 });
  const listener = bareNode(world, "server", { delayMs: 10, address: "192.0.2.1", machine: new BareMachine(false) });
  listener.command({ type: "open", port: 2, request: { transport: "tcp", family: 4, port: 5000 } });
  return { world, listener };
}

/** News of streams as words, and what came on them. */
function heard(node: BareNode): string[] {
  return node.events.flatMap(({ event }) => {
    if (event.type === "received") return [event.bytes.join()];
    if (event.type === "stream-full") return [event.isFull ? "full" : "not full"];
    return event.type === "stream-opened" || event.type === "stream-ended" ? [event.type] : [];
  });
}
