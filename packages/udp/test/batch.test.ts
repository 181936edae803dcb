/** What the batch driver does beyond node:dgram's. All else about sockets is in tests that run over both. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import {
  type Address,
  addressText,
  type DatagramInfo,
  type ForwardOutbox,
  type Outbox,
  routeWords,
  withPort,
  writeAddressWords,
} from "@fractal-punch/machine";
import { abilities, Driver } from "@fractal-punch/udp";
import { withoutBatch } from "./batch-support.ts";
import { HopReader } from "./hop-reader.ts";
import {
  type Act,
  address,
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
type Handlers = Parameters<typeof start>[0];

function startBatch(handlers: Handlers): Started {
  return start(handlers, null, batch);
}

interface Heard {
  readonly length: number;
  readonly first: number;
  readonly info: DatagramInfo;
}

/** A receiver that remembers what came; `done` resolves when so many have come. */
function listener(count: number): Started & { readonly heard: Heard[]; readonly done: Promise<void> } {
  const heard: Heard[] = [];
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const started = startBatch({
    receive: (_now, _port, _from, bytes, info) => {
      heard.push({ length: bytes.length, first: bytes[0] ?? -1, info });
      if (heard.length === count) finish();
    },
  });
  return { ...started, heard, done };
}

for (const [name, local] of [
  ["IPv4", loopback4],
  ["IPv6", loopback6],
] as const) {
  const skip = withoutBatch || (local.family === 6 && !hasIp6);

  test(`a burst of one size to one address, and a shorter last one, arrives as it was sent over ${name}`, {
    skip,
  }, async () => {
    const receiver = listener(41);
    const sender = startBatch({});
    const at = await receiver.open(1, local);
    await sender.open(1, local);
    sender.act((out) => {
      for (let i = 0; i < 40; i++) out.send(1, at, new Uint8Array(1_204).fill(i));
      out.send(1, at, new Uint8Array(77).fill(40));
    });
    await receiver.done;
    assert.deepEqual(
      receiver.heard.map(({ length, first }) => [length, first]),
      [...Array.from({ length: 40 }, (_, i) => [1_204, i]), [77, 40]],
    );
    assert.equal(sender.driver.counters.sent, 41);
    assert.equal(receiver.driver.counters.received, 41);
    await Promise.all([receiver.driver.close(), sender.driver.close()]);
  });

  test(`ECN bits and the local address come with a datagram over ${name}, and answers leave from there`, {
    skip,
  }, async () => {
    let told: DatagramInfo | undefined;
    const server = startBatch({
      receive: (_now, port, from, _bytes, info, out) => {
        told = info;
        out.send(port, from, text("answer"), info);
      },
    });
    const client = listener(1);
    server.act((out) => out.openPort(1, { family: local.family, port: 0 }));
    const { port } = (await server.next("port-opened")).local;
    const asked = local.family === 4 ? address("127.0.0.5:0") : local;
    await client.open(1, local);
    client.act((out) => out.send(1, withPort(asked, port), text("question"), { ecn: 1 }));
    const answer = await client.next("datagram");
    assert.deepEqual(told, { local: withPort(asked, port), ecn: 1 });
    assert.equal(addressText(answer.from), addressText(withPort(asked, port)));
    assert.equal(client.heard[0]?.info.ecn, 1);
    await Promise.all([server.driver.close(), client.driver.close()]);
  });

  test(`each datagram of a batch leaves with its own TTL over ${name}, or with the usual one`, { skip }, async (t) => {
    const reader = new HopReader(local);
    const sender = startBatch({});
    t.after(async () => {
      reader.close();
      await sender.driver.close();
    });
    await sender.open(1, local);
    sender.act((out) => out.send(1, reader.local, Uint8Array.of(255)));
    await nextTurn();
    const usual = reader.read(1)[0]?.hops ?? 0;
    assert.ok(usual >= 30, `${usual} hops are usual`);
    // Of one size, so that those of one TTL go as one message; and one by one, in turn.
    const ttls = [1, 1, 1, undefined, undefined, 9, 9, 1, undefined, 255, 9, undefined, 3];
    sender.act((out) => {
      for (const [i, ttl] of ttls.entries())
        out.send(1, reader.local, new Uint8Array(500).fill(i), ttl === undefined ? undefined : { ttl });
    });
    await nextTurn();
    const seen = reader.read(ttls.length).toSorted((a, b) => a.first - b.first);
    const expected = ttls.map((ttl, first) => ({ first, hops: ttl ?? usual }));
    assert.deepEqual(seen, expected);
    assert.deepEqual(sender.driver.counters.drops, new Map());
  });
}

test("datagrams of many sizes to two receivers in turn keep their order at each", { skip: withoutBatch }, async () => {
  const sizes = Array.from({ length: 90 }, (_, i) => [1_200, 1_200, 300, 0, 1_200, 1][i % 6] ?? 0);
  const receivers = [listener(sizes.length), listener(sizes.length)];
  const sender = startBatch({});
  await sender.open(1, loopback4);
  const places: Address[] = [];
  for (const receiver of receivers) places.push(await receiver.open(1, loopback4));
  sender.act((out) => {
    for (const [i, size] of sizes.entries())
      for (const place of places) out.send(1, place, new Uint8Array(size).fill(i));
  });
  for (const { heard, done, driver } of receivers) {
    await done;
    assert.deepEqual(
      heard.map(({ length, first }) => [length, first]),
      sizes.map((size, i) => [size, size === 0 ? -1 : i]),
    );
    await driver.close();
  }
  await sender.driver.close();
});

test("a forwarder is asked before the machine, and what it passes on leaves as it says", {
  skip: withoutBatch,
}, async () => {
  const routes = new Uint32Array(routeWords);
  const heard: string[] = [];
  const machine = new TestMachine({});
  const forwarder = {
    take(
      _now: number,
      port: number,
      _from: Uint32Array,
      memory: Uint8Array,
      first: number,
      end: number,
      out: ForwardOutbox,
    ): boolean {
      if (memory[first] === 0x21) return false;
      if (memory[first] === 0x70) out.pass(port, routes, 0, first + 1, end);
      else out.passBehind(port, routes, 0, 0x6865_6164, first, end);
      return true;
    },
  };
  const events: TestEvent[] = [];
  let opened = (_local: Address): void => {};
  const driver = new Driver<Act, TestEvent>(Object.assign(machine, { forwarder }), {
    ...batch,
    onEvent: (event) => {
      events.push(event);
      if (event.type === "port-opened") opened(event.local);
      if (event.type === "datagram") heard.push(event.text);
    },
  });
  const relayAt = await new Promise<Address>((resolve) => {
    opened = resolve;
    driver.command({ type: "act", act: (out) => out.openPort(1, { family: 4, local: loopback4, port: 0 }) });
  });
  const marks: (number | undefined)[] = [];
  const receiver = startBatch({ receive: (_now, _port, _from, _bytes, info) => void marks.push(info.ecn) });
  const sender = startBatch({});
  writeAddressWords(routes, 0, await receiver.open(1, loopback4));
  await sender.open(1, loopback4);
  const sendAll = (out: Outbox<TestEvent>): void => {
    for (const what of ["p1234", "behind", "!mine", "p5678"]) out.send(1, relayAt, text(what), { ecn: 2 });
  };
  sender.act(sendAll);
  const texts: string[] = [];
  for (let i = 0; i < 3; i++) texts.push((await receiver.next("datagram")).text);
  assert.deepEqual(texts, ["1234", "headbehind", "5678"]);
  assert.deepEqual(heard, ["!mine"]);
  assert.deepEqual(marks, [2, 2, 2], "what is relayed keeps its ECN bits");
  assert.deepEqual([driver.counters.received, driver.counters.sent], [4, 3]);
  await Promise.all([driver.close(), receiver.driver.close(), sender.driver.close()]);
});

test("what the machine throws while it receives is uncaught, and the driver goes on", {
  skip: withoutBatch,
}, async () => {
  const program = `
    import { Driver } from "@fractal-punch/udp";
    let driver;
    let at;
    const receive = (now, port, from, bytes) => {
      if (bytes.length === 1) throw new Error("planted");
      console.log("went on");
      void driver.close();
    };
    const command = (now, command, out) => {
      if (command.type === "clock") out.openPort(1, { family: 4, local: { family: 4, ip: 0x7f000001, port: 0 }, port: 0 });
      if (command.type === "port-opened") {
        at = command.local;
        out.send(1, at, new Uint8Array(1));
      }
      if (command.type === "again") out.send(1, at, new Uint8Array(2));
    };
    process.on("uncaughtException", (error) => {
      console.log("uncaught", error.message);
      driver.command({ type: "again" });
    });
    driver = new Driver({ receive, command, wake() {}, nextWake: () => Infinity }, { driver: "batch", onEvent() {} });
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: import.meta.dirname,
  });
  assert.equal(stdout, "uncaught planted\nwent on\n");
});

test("the memory that the system writes to outlives collections of garbage", { skip: withoutBatch }, async () => {
  const program = `
    import { Driver } from "@fractal-punch/udp";
    let left = 20_000;
    let litter = [];
    const receive = (now, port, from, bytes, info, out) => {
      if (bytes.some((byte) => byte !== (bytes.length & 0xff))) throw new Error("other bytes than were sent");
      litter = litter.length > 50 ? [] : [...litter, new Uint8Array(100_000)];
      if (left % 500 === 0) gc();
      if (--left === 0) return void driver.close();
      const length = 1 + (left % 1_300);
      out.send(port, from, new Uint8Array(length).fill(length & 0xff));
    };
    const command = (now, command, out) => {
      if (command.type === "clock") out.openPort(1, { family: 4, local: { family: 4, ip: 0x7f000001, port: 0 }, port: 0 });
      if (command.type === "port-opened") for (let i = 1; i <= 20; i++) out.send(1, command.local, new Uint8Array(i).fill(i));
    };
    const driver = new Driver({ receive, command, wake() {}, nextWake: () => Infinity }, { driver: "batch", onEvent() {} });
    process.on("exit", () => console.log("left", left <= 0));
  `;
  const args = ["--expose-gc", "--input-type=module", "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname });
  assert.equal(stdout, "left true\n");
});

test("the batch driver says what it can", { skip: withoutBatch }, async () => {
  const { driver } = startBatch({});
  assert.equal(driver.datagramDriver.kind, "batch");
  assert.deepEqual(abilities.batch, { ttl: true, dontFragment: true, ecn: true, localAddress: true });
  await driver.close();
});
