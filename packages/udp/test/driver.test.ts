import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { addressText, sameAddress, withPort } from "@fractal-punch/machine";
import { abilities, Driver } from "@fractal-punch/udp";
import {
  type Act,
  address,
  hasIp6,
  loopback4,
  loopback6,
  start,
  type TestEvent,
  TestMachine,
  text,
} from "./test-machine.ts";

for (const [name, local] of [
  ["IPv4", loopback4],
  ["IPv6", loopback6],
] as const) {
  test(`datagrams reach the machine and leave it over ${name}`, { skip: local.family === 6 && !hasIp6 }, async () => {
    const echo = start({ receive: (_now, port, from, bytes, _info, out) => out.send(port, from, bytes) });
    const client = start({});
    const echoAt = await echo.open(1, local);
    const clientAt = await client.open(1, local);
    client.act((out) => out.send(1, echoAt, text("hello")));
    assert.deepEqual(await client.next("datagram"), { type: "datagram", port: 1, from: echoAt, text: "hello" });
    assert.deepEqual(await echo.next("datagram"), { type: "datagram", port: 1, from: clientAt, text: "hello" });
    assert.equal(echo.driver.counters.received, 1);
    assert.equal(echo.driver.counters.sent, 1);
    assert.equal(echo.driver.counters.drops.size, 0);
    await Promise.all([echo.driver.close(), client.driver.close()]);
  });
}

test("a driver without a local address binds the wildcard address, of its own family only", async () => {
  const { driver, act, next } = start({});
  act((out) => out.openPort(1, { family: 4, port: 0 }));
  const opened = await next("port-opened");
  assert.equal(addressText(withPort(opened.local, 1)), "0.0.0.0:1");
  if (hasIp6) {
    act((out) => out.openPort(2, { family: 6, port: opened.local.port }));
    assert.equal(addressText((await next("port-opened")).local), `[::]:${opened.local.port}`);
  }
  await driver.close();
});

test("forward sends a head and the rest of the datagram in hand", async () => {
  const relay = start({
    receive: (_now, port, from, _bytes, _info, out) => out.forward(port, from, text("head:"), 4),
  });
  const client = start({});
  const relayAt = await relay.open(1, loopback4);
  await client.open(1, loopback4);
  client.act((out) => out.send(1, relayAt, text("cut kept")));
  assert.equal((await client.next("datagram")).text, "head:kept");
  await Promise.all([relay.driver.close(), client.driver.close()]);
});

test("the machine may keep a copy of the bytes by slice", async () => {
  const copies: Uint8Array[] = [];
  const receiver = start({
    receive: (_now, _port, _from, bytes) => {
      copies.push(bytes.slice());
      bytes.fill(0);
    },
  });
  const sender = start({});
  const at = await receiver.open(1, loopback4);
  await sender.open(1, loopback4);
  sender.act((out) => out.send(1, at, text("kept")));
  await receiver.next("datagram");
  assert.deepEqual(copies, [text("kept")]);
  await Promise.all([receiver.driver.close(), sender.driver.close()]);
});

test("a thousand datagrams out of one buffer that is overwritten after each send arrive intact", async () => {
  const receiver = start({});
  const sender = start({});
  const at = await receiver.open(1, loopback4);
  await sender.open(1, loopback4);
  const reused = new Uint8Array(16);
  // In bursts that fit into any system's receive buffer: the sockets share this process, so nobody reads meanwhile.
  for (let first = 0; first < 1_000; first += 100) {
    sender.act((out) => {
      for (let number = first; number < first + 100; number++) {
        reused.set(text(String(number).padStart(16, "0")));
        out.send(1, at, reused);
      }
    });
    for (let number = first; number < first + 100; number++) {
      assert.equal((await receiver.next("datagram")).text, String(number).padStart(16, "0"));
    }
  }
  await Promise.all([receiver.driver.close(), sender.driver.close()]);
});

test("datagrams longer than any of the protocol pass as well", async () => {
  const receiver = start({});
  const sender = start({});
  const at = await receiver.open(1, loopback4);
  await sender.open(1, loopback4);
  sender.act((out) => out.send(1, at, new Uint8Array(9_000).fill(0x61)));
  assert.equal((await receiver.next("datagram")).text, "a".repeat(9_000));
  await Promise.all([receiver.driver.close(), sender.driver.close()]);
});

test("what cannot be sent is counted by reason and never thrown", async () => {
  const { driver, act, open } = start({});
  const at = await open(1, loopback4);
  act((out) => {
    out.send(1, withPort(at, 0), text("x"));
    out.send(1, address("[2001:db8::1]:9"), text("x"));
    out.send(7, at, text("x"));
    out.send(1, at, new Uint8Array(65_508));
    out.send(1, address("255.255.255.255:9"), text("x"));
  });
  await turn();
  const { drops } = driver.counters;
  const expected = [
    ["EACCES", 1],
    ["EMSGSIZE", 1],
    ["destination-other-family", 1],
    ["destination-port-0", 1],
    ["port-not-open", 1],
  ] as const;
  assert.deepEqual(drops, new Map(expected));
  act((out) => out.closePort(1));
  act((out) => out.send(1, at, text("x")));
  assert.equal(drops.get("port-not-open"), 2);
  await driver.close();
});

test("a port in use is reported with the system's code", async () => {
  const first = start({});
  const second = start({});
  const taken = await first.open(1, loopback4);
  second.act((out) => out.openPort(5, { family: 4, local: loopback4, port: taken.port }));
  assert.deepEqual(await second.next("port-failed"), { type: "port-failed", port: 5, code: "EADDRINUSE" });
  second.act((out) => out.openPort(5, { family: 4, local: address("192.0.2.1:0"), port: 0 }));
  assert.equal((await second.next("port-failed")).code, "EADDRNOTAVAIL");
  await Promise.all([first.driver.close(), second.driver.close()]);
});

test("ports opened and closed inside a call take effect without the machine being entered again", async () => {
  const { driver, machine, act, next } = start({
    command: (_now, command, out) => {
      if (command.type !== "port-opened" || command.port === 3) return;
      out.closePort(command.port);
      out.openPort(command.port + 1, { family: 4, local: loopback4, port: command.local.port });
    },
  });
  act((out) => out.openPort(1, { family: 4, local: loopback4, port: 0 }));
  const ports = [await next("port-opened"), await next("port-opened"), await next("port-opened")];
  assert.deepEqual(
    ports.map(({ port }) => port),
    [1, 2, 3],
  );
  assert.equal(new Set(ports.map(({ local }) => local.port)).size, 1, "each was free when the next one was opened");
  assert.equal(machine.deepest, 1);
  await driver.close();
});

test("a port that is closed in the call that opened it is never reported, and its number is free at once", async () => {
  const { driver, machine, act, next } = start({});
  act((out) => {
    out.openPort(1, { family: 4, local: loopback4, port: 0 });
    out.closePort(1);
    out.openPort(1, { family: 4, local: loopback4, port: 0 });
    out.openPort(2, { family: 4, local: loopback4, port: 0 });
  });
  assert.equal((await next("port-opened")).port, 1);
  assert.equal((await next("port-opened")).port, 2);
  assert.equal(machine.heard.filter((command) => command === "port-opened").length, 2);
  await driver.close();
});

test("opening a number that is open is a broken invariant, passes through, and leaves the driver able to close", async () => {
  const { driver, act, open } = start({});
  const at = await open(1, loopback4);
  assert.throws(() => act((out) => out.openPort(1, { family: 4, port: 0 })), /port 1 is open already/);
  await driver.close();
  const again = start({});
  again.act((out) => out.openPort(1, { family: 4, local: loopback4, port: at.port }));
  assert.ok(sameAddress((await again.next("port-opened")).local, at));
  await again.driver.close();
});

test("the clock comes before anything else, even before a command given at once", async () => {
  const before = Date.now();
  const { driver, machine, act } = start({});
  act(() => {});
  assert.deepEqual(machine.heard, ["clock", "act"]);
  assert.ok(before <= machine.epochMs && machine.epochMs <= Date.now());
  await driver.close();
});

test("the clock comes by itself when the program gives no command", async () => {
  const { driver, machine, next } = start({});
  await next("clock");
  assert.deepEqual(machine.heard, ["clock"]);
  await driver.close();
});

test("the clock comes again before the next input when the wall clock jumped, and every 10 s", async (context) => {
  const { driver, machine, act } = start({});
  act(() => {});
  const epochNow = Date.now.bind(Date);
  const now = performance.now.bind(performance);
  const wall = context.mock.method(Date, "now", () => epochNow() - 3_600_000);
  act(() => {});
  assert.ok(Math.abs(machine.epochMs - epochNow() + 3_600_000) < 1_000);
  wall.mock.mockImplementation(() => epochNow() - 3_600_000 + 10_000);
  const monotonic = context.mock.method(performance, "now", () => now() + 10_000);
  act(() => {});
  act(() => {});
  assert.deepEqual(machine.heard, ["clock", "act", "clock", "act", "clock", "act", "act"]);
  monotonic.mock.restore();
  wall.mock.restore();
  await driver.close();
});

test("wakes come in order, none before its time, also when an earlier one is asked for later", async () => {
  const { driver, machine, act, next } = start({});
  act((_out, now) => machine.wakes.push(now + 86_400_000));
  act((_out, now) => machine.wakes.push(now + 30));
  act((_out, now) => machine.wakes.push(now + 4.5, now + 1));
  const woken = [await next("woken"), await next("woken"), await next("woken")];
  for (const { now, due } of woken) assert.ok(now >= due, `woken at ${now}, due at ${due}`);
  const dues = woken.map(({ due }) => due);
  assert.deepEqual(
    dues,
    dues.toSorted((a, b) => a - b),
  );
  assert.equal(machine.wakes.length, 1);
  assert.equal(machine.idleWakes, 0, "it was never woken for nothing");
  await driver.close();
});

test("a wake that was put off is not called at its old time", async () => {
  const { driver, machine, act, next } = start({});
  act((_out, now) => machine.wakes.push(now + 2));
  act((_out, now) => machine.wakes.splice(0, 1, now + 10));
  const { now, due } = await next("woken");
  assert.ok(now >= due);
  assert.equal(machine.idleWakes, 0);
  await driver.close();
});

test("a machine that always wants to be woken does not keep datagrams out", async () => {
  const sender = start({});
  await sender.open(1, loopback4);
  const { driver, machine, act, open, next } = start({});
  const at = await open(1, loopback4);
  act(() => {
    machine.wakesForNothing = 100_000;
  });
  sender.act((out) => out.send(1, at, text("heard")));
  assert.equal((await next("datagram")).text, "heard");
  assert.ok(machine.wakesForNothing > 0, "the datagram came while the machine still wanted to be woken");
  await Promise.all([driver.close(), sender.driver.close()]);
});

test("a command given inside onEvent waits until the events before it are told", async () => {
  const machine = new TestMachine({});
  const seen: string[] = [];
  const driver = new Driver<Act, TestEvent>(machine, {
    onEvent: (event) => {
      seen.push(event.type);
      if (event.type !== "first") return;
      driver.command({ type: "act", act: (out) => out.emit({ type: "third" }) });
      seen.push("end of first");
    },
  });
  driver.command({
    type: "act",
    act: (out) => {
      out.emit({ type: "first" });
      out.emit({ type: "second" });
    },
  });
  assert.deepEqual(seen, ["clock", "first", "end of first", "second", "third"]);
  assert.equal(machine.deepest, 1);
  await driver.close();
});

test("after close there is no input and no event, and closing twice is closing once", async () => {
  const machine = new TestMachine({});
  const seen: string[] = [];
  const driver = new Driver<Act, TestEvent>(machine, {
    onEvent: (event) => {
      seen.push(event.type);
      if (event.type === "first") void driver.close();
    },
  });
  driver.command({
    type: "act",
    act: (out, now) => {
      machine.wakes.push(now);
      out.openPort(1, { family: 4, local: loopback4, port: 0 });
      out.emit({ type: "first" });
      out.emit({ type: "second" });
    },
  });
  driver.command({ type: "act", act: (out) => out.emit({ type: "third" }) });
  assert.equal(driver.close(), driver.close());
  await driver.close();
  await turn();
  assert.deepEqual(seen, ["clock", "first"]);
  assert.deepEqual(machine.heard, ["clock", "act"]);
});

test("what the machine throws passes through command, and the driver still closes", async () => {
  const { driver, act, open } = start({});
  await open(1, loopback4);
  assert.throws(
    () =>
      act(() => {
        throw new Error("broken invariant: planted");
      }),
    /planted/,
  );
  await driver.close();
});

test("close lets the process end, and so does a driver with no port and nothing to wait for", async () => {
  const program = `
    import { Driver } from "@fractal-punch/udp";
    const quiet = { receive() {}, wake() {}, nextWake: () => Infinity };
    const open = (now, command, out) => {
      if (command.type === "clock") out.openPort(1, { family: 4, port: 0 });
      if (command.type === "port-opened") out.emit("opened");
    };
    const onEvent = async () => {
      await driver.close();
      process.stdout.write("closed");
    };
    const driver = new Driver({ ...quiet, command: open, nextWake: () => 3_600_000 }, { onEvent });
    new Driver({ ...quiet, command() {} }, { onEvent() {} });
  `;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: import.meta.dirname,
  });
  assert.equal(stdout, "closed");
});

test("node:dgram promises no ability that it lacks", () => {
  assert.deepEqual(abilities.dgram, { ttl: true, dontFragment: false, ecn: false, localAddress: false });
});
