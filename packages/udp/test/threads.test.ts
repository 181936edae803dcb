import assert from "node:assert/strict";
import { test } from "node:test";
import { type Address, type Forwarder, routeWords, writeAddressWords } from "@fractal-punch/machine";
import { Driver } from "@fractal-punch/udp";
import { withoutBatch } from "./batch-support.ts";
import type { TestTask } from "./test-forwarding-thread.ts";
import {
  type Act,
  hasIp6,
  loopback4,
  loopback6,
  type Started,
  start,
  type TestEvent,
  TestMachine,
  text,
} from "./test-machine.ts";

const batch = { driver: "batch" } as const;
const program = new URL("test-forwarding-thread.js", import.meta.url);

interface Relay {
  readonly driver: Driver<Act, TestEvent>;
  readonly at: Address;
  /** What the machine was given, as text; resolves when there is one. */
  next(): Promise<string>;
  /** Resolves when a thread has ended by itself, with its error's text. */
  readonly death: Promise<string>;
}

/** A machine with two forwarding threads, which send what is theirs to `receiver`. The control plane forwards nothing. */
async function relay(receiver: Address): Promise<Relay> {
  const heard: string[] = [];
  let wake = (): void => {};
  let opened = (_local: Address): void => {};
  let died = (_reason: string): void => {};
  const route = new Uint32Array(routeWords);
  writeAddressWords(route, 0, receiver);
  const forwarder: Forwarder = { take: () => false };
  const death = new Promise<string>((resolve) => {
    died = resolve;
  });
  const driver = new Driver<Act, TestEvent>(Object.assign(new TestMachine({}), { forwarder }), {
    ...batch,
    onEvent: (event) => {
      if (event.type === "port-opened") opened(event.local);
      if (event.type !== "datagram") return;
      heard.push(event.text);
      wake();
    },
    threads: {
      count: 2,
      program,
      taskOf: (index): TestTask => ({ route, index }),
      onDeath: (_, error) => died(error.message),
    },
  });
  const at = await new Promise<Address>((resolve) => {
    opened = resolve;
    const local = receiver.family === 4 ? loopback4 : loopback6;
    driver.command({ type: "act", act: (out) => out.openPort(1, { family: local.family, local, port: 0 }) });
  });
  const next = async (): Promise<string> => {
    for (;;) {
      const first = heard.shift();
      if (first !== undefined) return first;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { driver, at, next, death };
}

/** ChannelData of that number, whatever its length says; `what` is for the forwarder. */
function channelData(number: number, what: string): Uint8Array {
  return Uint8Array.of(0x40, number, 0, 0, ...text(what));
}

async function texts(receiver: Started, count: number): Promise<string[]> {
  const all: string[] = [];
  while (all.length < count) all.push((await receiver.next("datagram")).text);
  return all.toSorted();
}

for (const [name, local] of [
  ["IPv4", loopback4],
  ["IPv6", loopback6],
] as const) {
  const skip = withoutBatch || (local.family === 6 && !hasIp6);
  test(`the kernel sorts: ChannelData to the thread of its number, all else to the machine, over ${name}`, {
    skip,
  }, async () => {
    const receiver = start({}, null, batch);
    const sender = start({}, null, batch);
    const { driver, at, next } = await relay(await receiver.open(1, local));
    await sender.open(1, local);
    // Of growing length, so that each goes alone.
    const sent = [
      text(""),
      text("0stun"),
      channelData(0, "even"),
      channelData(1, "odd-one"),
      channelData(2, "even-two"),
    ];
    sender.act((out) => {
      for (const bytes of sent) out.send(1, at, bytes);
    });
    assert.deepEqual(await texts(receiver, 3), ["thr0even", "thr0even-two", "thr1odd-one"]);
    assert.deepEqual([await next(), await next()].toSorted(), ["", "0stun"]);
    await driver.close();
    assert.deepEqual([driver.counters.received, driver.counters.sent], [5, 3]);
    await Promise.all([receiver.driver.close(), sender.driver.close()]);
  });
}

test("of what the kernel hands over together, each plane gets its own", { skip: withoutBatch }, async () => {
  const receiver = start({}, null, batch);
  const sender = start({}, null, batch);
  const { driver, at, next } = await relay(await receiver.open(1, loopback4));
  await sender.open(1, loopback4);
  // Of one length, so that they are one message; sorted by its first datagram.
  const mixed = [channelData(1, "a"), text("1stun"), channelData(0, "b"), text("2stun"), channelData(1, "?")];
  sender.act((out) => {
    for (const bytes of mixed) out.send(1, at, bytes);
  });
  assert.deepEqual(await texts(receiver, 2), ["thr1a", "thr1b"]);
  assert.deepEqual([await next(), await next(), await next()], ["1stun", "2stun", "@\u0001\0\0?"]);
  await Promise.all([driver.close(), receiver.driver.close(), sender.driver.close()]);
});

test("ten thousand datagrams that a thread leaves to the machine come in order, none twice", {
  skip: withoutBatch,
}, async () => {
  const receiver = start({}, null, batch);
  const sender = start({}, null, batch);
  const { driver, at, next } = await relay(await receiver.open(1, loopback4));
  await sender.open(1, loopback4);
  // In bursts that fit into the socket's buffer, of datagrams that grow, so that each goes alone.
  for (let first = 0; first < 10_000; first += 50) {
    sender.act((out) => {
      for (let i = first; i < first + 50; i++)
        out.send(1, at, channelData(i % 2, `?${String(i).padStart(10 + 13 * (i % 50), "0")}`));
    });
    const numbers: number[] = [];
    for (let i = 0; i < 50; i++) numbers.push(Number((await next()).slice(5)));
    // Two threads have no order between them.
    const expected = Array.from({ length: 50 }, (_, i) => first + i);
    for (const parity of [0, 1])
      assert.deepEqual(
        numbers.filter((number) => number % 2 === parity),
        expected.filter((number) => number % 2 === parity),
      );
  }
  await Promise.all([driver.close(), receiver.driver.close(), sender.driver.close()]);
});

test("a thread that dies is told of, and another one takes its place and its sockets", {
  skip: withoutBatch,
}, async () => {
  const receiver = start({}, null, batch);
  const sender = start({}, null, batch);
  const { driver, at, death } = await relay(await receiver.open(1, loopback4));
  await sender.open(1, loopback4);
  const send = (bytes: Uint8Array): void => sender.act((out) => out.send(1, at, bytes));
  send(channelData(1, "!"));
  assert.equal(await death, "planted");
  // The other one is not touched by it; this one's datagrams wait in its socket.
  send(channelData(0, "other"));
  assert.equal((await receiver.next("datagram")).text, "thr0other");
  send(channelData(1, "again"));
  assert.equal((await receiver.next("datagram")).text, "thr1again");
  await Promise.all([driver.close(), receiver.driver.close(), sender.driver.close()]);
});

test("a port that threads have is taken for another program, and free when it is closed", {
  skip: withoutBatch,
}, async () => {
  const receiver = start({}, null, batch);
  const first = await relay(await receiver.open(1, loopback4));
  const second = start({}, null, batch);
  const open = (): void => second.act((out) => out.openPort(1, { family: 4, local: loopback4, port: first.at.port }));
  open();
  assert.equal((await second.next("port-failed")).code, "EADDRINUSE");
  await first.driver.close();
  open();
  assert.equal((await second.next("port-opened")).local.port, first.at.port);
  await Promise.all([receiver.driver.close(), second.driver.close()]);
});
