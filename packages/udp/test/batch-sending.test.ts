/** What becomes of datagrams that the system does not take: the system's answers are planted, the rest is real. */
import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { addressFromText, addressWords, writeAddressWords } from "@fractal-punch/machine";
import {
  Arena,
  type LoneDatagram,
  loadSystemCalls,
  probe,
  SendBatch,
  type Sender,
  type SystemCalls,
  sendBatchBytes,
} from "@fractal-punch/udp/batch";
import { withoutBatch } from "./batch-support.ts";

type Answer = number | keyof typeof constants.errno;

interface Planted {
  readonly batch: SendBatch;
  readonly sender: Sender & { segments: boolean };
  /** How many messages each call offered. */
  readonly offered: number[];
  /** What was sent one by one, waits, or failed, in order. */
  readonly told: string[];
  put(first: number, length: number, isWhole?: boolean): void;
}

const manner = { ecn: 0, ttl: 0, isWhole: false, local: new Uint32Array(addressWords) };

/**
 * `answers` to sendmmsg, one after the other; after them it takes everything. `wholeFault`: why datagrams cannot be kept
 * from being fragmented.
 */
function plant(answers: Answer[], alone: Answer[] = [], wholeFault?: string): Planted {
  const real = loadSystemCalls();
  assert.ok(typeof real !== "string");
  let error = 0;
  const offered: number[] = [];
  const told: string[] = [];
  const answer = (planted: Answer | undefined, all: number): number => {
    if (typeof planted !== "string") return planted ?? all;
    error = constants.errno[planted];
    return -1;
  };
  const calls: SystemCalls = {
    ...real,
    sendmmsg: (_fd, _messages, count) => {
      offered.push(count);
      return answer(answers.shift(), count);
    },
    sendmsg: (_fd, message) => {
      // Of struct msghdr the one piece, of struct iovec the length.
      const { u32 } = arena;
      const header = arena.offsetOf(Number(message & 0xffff_ffffn), Number(message >> 32n)) >> 2;
      const piece = arena.offsetOf(u32[header + 4] ?? 0, u32[header + 5] ?? 0) >> 2;
      const length = u32[piece + 2] ?? 0;
      told.push(`alone ${length}`);
      return answer(alone.shift(), length);
    },
    error: () => error,
  };
  const arena = new Arena(calls, sendBatchBytes);
  const batch = new SendBatch(calls, arena);
  const sender = {
    fd: 7,
    segments: true,
    keepWhole: (_family: 4 | 6, isWhole: boolean) => {
      if (isWhole) told.push("whole");
      return isWhole ? wholeFault : undefined;
    },
    wait: ({ bytes }: LoneDatagram) => void told.push(`wait ${bytes[0]} ${bytes.length}`),
    failed: (code: string) => void told.push(`failed ${code}`),
  };
  const to = new Uint32Array(addressWords);
  const address = addressFromText("127.0.0.1:9");
  assert.ok(address !== undefined);
  writeAddressWords(to, 0, address);
  const put = (first: number, length: number, isWhole = false): void =>
    batch.copy(sender, to, 0, { ...manner, isWhole }, Uint8Array.of(first), new Uint8Array(length - 1));
  return { batch, sender, offered, told, put };
}

test("what one call leaves over goes into the next", { skip: withoutBatch }, () => {
  const { batch, offered, told, put } = plant([2, "EINTR", 1]);
  for (let i = 1; i <= 4; i++) put(i, 100 * i);
  batch.flush();
  assert.deepEqual(offered, [4, 2, 2, 1]);
  assert.deepEqual(told, []);
});

test("what the system has no room for waits, datagram by datagram and in order", { skip: withoutBatch }, () => {
  const { batch, told, put } = plant([1, "EAGAIN"]);
  put(1, 50);
  for (let i = 2; i <= 4; i++) put(i, 60);
  put(5, 20);
  batch.flush();
  assert.deepEqual(told, ["wait 2 60", "wait 3 60", "wait 4 60", "wait 5 20"]);
});

test("a message that is refused for one reason costs only its own datagrams", { skip: withoutBatch }, () => {
  const { batch, sender, offered, told, put } = plant(["EPERM"]);
  put(1, 10);
  put(2, 20);
  batch.flush();
  assert.deepEqual(offered, [2, 1]);
  assert.deepEqual(told, ["failed EPERM"]);
  assert.equal(sender.segments, true);
});

test("a device that takes no segments gets them one by one, then and from then on", { skip: withoutBatch }, () => {
  const { batch, sender, offered, told, put } = plant(["EIO"]);
  for (let i = 0; i < 3; i++) put(i, 300);
  batch.flush();
  assert.deepEqual(told, ["alone 300", "alone 300", "alone 300"]);
  assert.equal(sender.segments, false);
  for (let i = 0; i < 3; i++) put(i, 300);
  batch.flush();
  assert.deepEqual(offered, [1, 3]);
});

test("segments too large for a path are tried one by one, and each that fails is counted", {
  skip: withoutBatch,
}, () => {
  const { batch, sender, told, put } = plant(["EMSGSIZE"], ["EMSGSIZE", "EAGAIN"]);
  for (let i = 1; i <= 3; i++) put(i, 1_400);
  batch.flush();
  const expected = ["alone 1400", "failed EMSGSIZE", "alone 1400", "wait 2 1400", "alone 1400"];
  assert.deepEqual(told, expected);
  assert.equal(sender.segments, true, "another path may take them");
});

test("segments that an older kernel refuses as too large for a path leave the others on", {
  skip: withoutBatch,
}, () => {
  const { batch, sender, told, put } = plant(["EINVAL"], ["EMSGSIZE"]);
  for (let i = 0; i < 2; i++) put(i, 1_000, true);
  batch.flush();
  assert.deepEqual(told, ["whole", "whole", "alone 1000", "failed EMSGSIZE", "whole", "alone 1000"]);
  assert.equal(sender.segments, true);
});

test("what must not be fragmented leaves by itself, and not at all where that cannot be had", {
  skip: withoutBatch,
}, () => {
  for (const [fault, calls, expected] of [
    [undefined, [1, 1, 1], ["whole"]],
    ["ENOPROTOOPT", [1, 1], ["whole", "failed ENOPROTOOPT"]],
  ] as const) {
    const { batch, offered, told, put } = plant([], [], fault);
    for (let i = 0; i < 3; i++) put(i, 100, i === 1);
    batch.flush();
    assert.deepEqual(offered, calls);
    assert.deepEqual(told, expected);
  }
});

test("a refusal that has nothing to do with segments leaves them on", { skip: withoutBatch }, () => {
  for (const code of ["ENOBUFS", "ENETUNREACH", "EPERM"] as const) {
    const { batch, sender, told, put } = plant([code], [code]);
    for (let i = 0; i < 2; i++) put(i, 300);
    batch.flush();
    assert.deepEqual(told, ["alone 300", `failed ${code}`, "alone 300"]);
    assert.equal(sender.segments, true);
  }
});

test("more than it holds leaves in between, and nothing is lost", { skip: withoutBatch }, () => {
  const { batch, offered, told, put } = plant([]);
  // Of falling size, so that no two go together.
  for (let i = 0; i < 1_000; i++) put(i, 2_000 - i + (i % 2) * 3);
  put(0, 65_507);
  put(0, 65_508);
  batch.flush();
  assert.ok(offered.length > 4);
  const messages = offered.reduce((sum, count) => sum + count, 0);
  assert.ok(messages > 400 && messages <= 1_001);
  assert.deepEqual(told, ["failed EMSGSIZE"]);
});

for (const { name, missing, expected } of [
  { name: "has all of it", missing: [], expected: { works: "recvmmsg and sendmmsg work here" } },
  {
    name: "knows no GRO",
    missing: [104],
    expected: { works: "recvmmsg and sendmmsg work here; the kernel has no GRO for UDP" },
  },
  {
    name: "knows neither GRO nor GSO",
    missing: [103, 104],
    expected: { works: "recvmmsg and sendmmsg work here; the kernel has no GRO and no GSO for UDP" },
  },
]) {
  test(`a kernel that ${name} is found out`, { skip: withoutBatch }, () => {
    const real = loadSystemCalls();
    assert.ok(typeof real !== "string");
    const setsockopt: SystemCalls["setsockopt"] = (fd, level, option, value, length) =>
      missing.includes(option) ? -1 : real.setsockopt(fd, level, option, value, length);
    assert.deepEqual(probe({ ...real, setsockopt }), expected);
  });
}

test("where calls are forbidden the batch driver says so, and node:dgram can serve", { skip: withoutBatch }, () => {
  const real = loadSystemCalls();
  assert.ok(typeof real !== "string");
  const error = (): number => constants.errno.EPERM;
  assert.equal(probe({ ...real, recvmmsg: () => -1, error }), "recvmmsg does not work (EPERM)");
  assert.equal(probe({ ...real, socket: () => -1, error }), "a socket of UDP cannot be had (EPERM)");
});
