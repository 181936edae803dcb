import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, Recorder } from "@fractal-punch/machine";

const to: Address = { family: 4, ip: 0xc000_0201, port: 48_800 };

test("a recorder keeps effects in order and hands them over once", () => {
  const recorder = new Recorder<string>();
  recorder.openPort(3, { family: 4, port: 0 });
  recorder.send(3, to, Uint8Array.of(1), { ttl: 5 });
  recorder.emit("said");
  recorder.closePort(3);
  assert.deepEqual(recorder.take(), [
    { type: "open-port", port: 3, request: { family: 4, port: 0 } },
    { type: "send", port: 3, to, bytes: Uint8Array.of(1), options: { ttl: 5 } },
    { type: "emit", event: "said" },
    { type: "close-port", port: 3 },
  ]);
  assert.deepEqual(recorder.take(), []);
});

test("a recorded datagram owns its bytes", () => {
  const recorder = new Recorder<never>();
  const arena = Uint8Array.of(9, 1, 2, 9);
  recorder.send(1, to, arena.subarray(1, 3));
  arena.fill(0);
  assert.deepEqual(recorder.take(), [{ type: "send", port: 1, to, bytes: Uint8Array.of(1, 2) }]);
});

test("a recorded event owns its bytes, and is itself where it has none", () => {
  const recorder = new Recorder<{ data?: Uint8Array; name: string }>();
  const arena = Uint8Array.of(9, 1, 2, 9);
  const plain = { name: "plain" };
  recorder.emit({ data: arena.subarray(1, 3), name: "lent" });
  recorder.emit(plain);
  arena.fill(0);
  const events = recorder.take().map((effect) => effect.type === "emit" && effect.event);
  assert.deepEqual(events, [{ data: Uint8Array.of(1, 2), name: "lent" }, plain]);
  assert.equal(events[1], plain);
});

test("forward sends the datagram in hand from the given byte on, behind the head", () => {
  const recorder = new Recorder<never>();
  recorder.datagram = Uint8Array.of(0x40, 0, 0, 3, 7, 8, 9);
  recorder.forward(2, to, Uint8Array.of(0x41, 1, 0, 3), 4);
  recorder.forward(2, to, new Uint8Array(0), 7);
  recorder.datagram.fill(0);
  assert.deepEqual(
    recorder.take().map((effect) => effect.type === "send" && [...effect.bytes]),
    [[0x41, 1, 0, 3, 7, 8, 9], []],
  );
});
