/** The rules of the forwarding plane: found as long as they stand, never torn, whoever else writes at that moment. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { type Address, addressText, type ForwardOutbox, writeAddressWords } from "@fractal-punch/machine";
import { noNumber, RelayForwarder, type Rule, type RuleMemory, Rules } from "@fractal-punch/server/core";
import fc from "fast-check";
import { crowdedKeys, type HammerReport, hammeredRule } from "./rule-hammer.ts";
import { at } from "./test-server.ts";

/** The first port of a relayed address. */
const relayPort = 1_000_000;
const places: readonly Address[] = Array.from({ length: 12 }, (_, i) =>
  i % 2 === 0 ? at(`192.0.2.${i}:${7_000 + i}`) : at(`[2001:db8::${i}]:${7_000 + i}`),
);

interface Passed {
  readonly port: number;
  readonly to: string;
  readonly bytes: number[];
}

/** What a forwarder does with one datagram; `undefined` when it leaves it. */
function forwarded(memory: RuleMemory, port: number, from: Address, bytes: Uint8Array, now = 0): Passed | undefined {
  const sent: Passed[] = [];
  const words = new Uint32Array(5);
  const arena = bytes.slice();
  writeAddressWords(words, 0, from);
  const note = (outPort: number, routes: Uint32Array, routeAt: number, content: number[]): void => {
    const to = places.find((known) => {
      const of = new Uint32Array(5);
      writeAddressWords(of, 0, known);
      return of.every((word, i) => word === routes[routeAt + i]);
    });
    sent.push({ port: outPort, to: to === undefined ? "nobody" : addressText(to), bytes: content });
  };
  const out: ForwardOutbox = {
    pass: (outPort, routes, routeAt, start, end) => note(outPort, routes, routeAt, [...arena.subarray(start, end)]),
    passBehind: (outPort, routes, routeAt, head, start, end) =>
      note(outPort, routes, routeAt, [
        head >>> 24,
        (head >>> 16) & 255,
        (head >>> 8) & 255,
        head & 255,
        ...arena.subarray(start, end),
      ]),
  };
  const isTaken = new RelayForwarder(() => memory).take(now, port, words, arena, 0, arena.length, out);
  assert.equal(sent.length, isTaken ? 1 : 0);
  if (!isTaken) assert.deepEqual(arena, bytes, "what it leaves, it leaves as it is");
  return sent[0];
}

function placeOf(i: number): Address {
  const found = places[i % places.length];
  assert.ok(found !== undefined);
  return found;
}

function ruleFor(credit: number, changes: Partial<Rule> = {}): Rule {
  return {
    kind: "session",
    port: 0,
    from: placeOf(0),
    number: 0x4001,
    outPort: 1,
    to: placeOf(3),
    outNumber: 0x4002,
    credit,
    endsAt: Infinity,
    ...changes,
  };
}

test("a session's datagram goes on under the other number, and is paid for with its header", () => {
  const rules = new Rules(64, 1, false);
  const [credit, earner] = [rules.openCell(), rules.openCell()];
  rules.addCredit(credit, 13);
  rules.publish(ruleFor(credit, { earner }));
  const datagram = Uint8Array.of(0x40, 1, 0, 3, 7, 8, 9);
  assert.deepEqual(forwarded(rules.memory, 0, placeOf(0), datagram), {
    port: 1,
    to: addressText(placeOf(3)),
    bytes: [0x40, 2, 0, 3, 7, 8, 9],
  });
  assert.deepEqual([rules.creditOf(credit), rules.creditOf(earner)], [6, 7]);
  assert.equal(forwarded(rules.memory, 0, placeOf(0), datagram), undefined, "there is credit for 6 bytes, not for 7");
  assert.deepEqual([rules.creditOf(credit), rules.creditOf(earner)], [6, 7]);
});

test("TURN's data lose the header towards the peer and get one towards the client", () => {
  const rules = new Rules(64, 1, false);
  const credit = rules.openCell();
  rules.addCredit(credit, 100);
  rules.publish(ruleFor(credit, { kind: "toPeer", number: 0x7fff, outPort: relayPort }));
  rules.publish(
    ruleFor(credit, {
      kind: "toClient",
      port: relayPort,
      from: placeOf(3),
      number: noNumber,
      to: placeOf(0),
      outNumber: 0x7fff,
    }),
  );
  // Padding, which RFC 8656 allows over UDP as well, goes no further.
  const padded = Uint8Array.of(0x7f, 0xff, 0, 1, 5, 0, 0, 0);
  assert.deepEqual(forwarded(rules.memory, 0, placeOf(0), padded)?.bytes, [5]);
  assert.deepEqual(
    forwarded(rules.memory, relayPort, placeOf(3), Uint8Array.of(5, 6))?.bytes,
    [0x7f, 0xff, 0, 2, 5, 6],
  );
  assert.equal(rules.creditOf(credit), 97, "data are paid for, headers are not");
});

test("what no rule is for, or is not whole, or comes too late, is the control plane's", () => {
  const rules = new Rules(64, 1, false);
  const credit = rules.openCell();
  rules.addCredit(credit, 10_000);
  const number = rules.publish(ruleFor(credit, { endsAt: 50 }));
  assert.ok(number !== undefined);
  const good = Uint8Array.of(0x40, 1, 0, 0);
  const isTaken = (bytes: Uint8Array, from = placeOf(0), port = 0, now = 49): boolean =>
    forwarded(rules.memory, port, from, bytes, now) !== undefined;
  assert.ok(isTaken(good));
  assert.ok(!isTaken(good, placeOf(0), 0, 50));
  assert.ok(!isTaken(good, placeOf(2)));
  assert.ok(!isTaken(good, placeOf(0), 2));
  assert.ok(!isTaken(good, placeOf(0), relayPort));
  assert.ok(!isTaken(Uint8Array.of(0x40, 2, 0, 0)));
  assert.ok(!isTaken(Uint8Array.of(0x40, 1, 0)));
  assert.ok(!isTaken(Uint8Array.of(0x40, 1, 0, 1)));
  assert.ok(!isTaken(new Uint8Array(1_233).fill(0x40, 0, 1).fill(1, 1, 2)));
  rules.withdraw(number);
  assert.ok(!isTaken(good));
});

test("any bytes of any length from anywhere are taken by their rule or left alone", () => {
  const rules = new Rules(64, 1, false);
  const credit = rules.openCell();
  rules.publish(ruleFor(credit));
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 1_500 }),
      fc.nat(11),
      fc.constantFrom(0, 1, relayPort),
      (bytes, from, port) => {
        rules.addCredit(credit, 1_500);
        const passed = forwarded(rules.memory, port, placeOf(from), bytes);
        if (passed === undefined) return;
        assert.deepEqual([port, from, bytes[0], bytes[1]], [0, 0, 0x40, 1]);
        assert.equal(passed.bytes.length, bytes.length);
      },
    ),
  );
});

test("rules that come and go, grow and shrink are found exactly while they stand", () => {
  const act = fc.record({
    from: fc.nat(11),
    number: fc.integer({ min: 0x4000, max: 0x4020 }),
    outNumber: fc.nat(0x4fff),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 400 }), fc.nat(), (acts, seed) => {
      const rules = new Rules(512, seed, false);
      const credit = rules.openCell();
      const standing = new Map<string, { readonly rule: number; readonly outNumber: number }>();
      for (const { from, number, outNumber } of acts) {
        const key = `${from} ${number}`;
        const known = standing.get(key);
        if (known !== undefined) {
          rules.withdraw(known.rule);
          standing.delete(key);
        } else {
          const rule = rules.publish(ruleFor(credit, { from: placeOf(from), number, outNumber }));
          assert.ok(rule !== undefined);
          standing.set(key, { rule, outNumber });
        }
      }
      assert.equal(rules.size, standing.size);
      for (let from = 0; from < places.length; from++)
        for (let number = 0x4000; number <= 0x4020; number++) {
          rules.addCredit(credit, 4);
          const bytes = Uint8Array.of(number >> 8, number & 255, 0, 0);
          const found = forwarded(rules.memory, 0, placeOf(from), bytes)?.bytes;
          const outNumber = standing.get(`${from} ${number}`)?.outNumber;
          assert.deepEqual(found, outNumber === undefined ? undefined : [outNumber >> 8, outNumber & 255, 0, 0]);
        }
      for (const { rule } of standing.values()) rules.withdraw(rule);
      rules.closeCell(credit);
      assert.equal(rules.memory.rules, 64, "what it grew by is given back");
    }),
    { numRuns: 40 },
  );
});

test("without room for another rule there is none, and those there are stand", () => {
  const rules = new Rules(64, 1, false);
  const credit = rules.openCell();
  for (let i = 0; i < 64; i++) assert.ok(rules.publish(ruleFor(credit, { number: 0x4000 + i })) !== undefined);
  assert.equal(rules.publish(ruleFor(credit, { number: 0x4fff })), undefined);
  rules.addCredit(credit, 4);
  assert.ok(forwarded(rules.memory, 0, placeOf(0), Uint8Array.of(0x40, 63, 0, 0)) !== undefined);
});

test("threads that read while rules are written lose none that stand, and see none by halves", async () => {
  // Few and crowded, so that both threads are at the same ones, and each that goes has others move up.
  const rules = new Rules(64, 7, true);
  const credit = rules.openCell();
  rules.addCredit(credit, 0x4000_0000);
  const keys = crowdedKeys(rules.memory, 60);
  // Made beforehand, so that this thread does nothing but write.
  const written = Array.from({ length: 60 * keys.length }, (_, turn) =>
    hammeredRule(keys[turn % keys.length] ?? Number.NaN, turn, credit),
  );
  const published = written.slice(0, keys.length).map((rule) => rules.publish(rule) ?? Number.NaN);
  const { rules: count, seed, buffer } = rules.memory;
  const stop = new Int32Array(new SharedArrayBuffer(4));
  // By key: odd from before it goes until after it has come.
  const changes = new Int32Array(new SharedArrayBuffer(4 * keys.length));
  const program = fileURLToPath(new URL("rule-hammer-thread.js", import.meta.url));
  const worker = new Worker(program, {
    workerData: { rules: count, seed, buffer, stop, keys, changes, credit },
  });
  await once(worker, "message");
  for (let round = 0; round < 30; round++) {
    rules.addCredit(credit, 0x4000_0000);
    for (const [turn, rule] of written.entries()) {
      const index = turn % keys.length;
      Atomics.add(changes, index, 1);
      rules.withdraw(published[index] ?? Number.NaN);
      published[index] = rules.publish(rule) ?? Number.NaN;
      Atomics.add(changes, index, 1);
    }
  }
  Atomics.store(stop, 0, 1);
  const [report]: HammerReport[] = await once(worker, "message");
  assert.ok(report !== undefined && report.looks > 10_000, `it looked ${report?.looks} times`);
  assert.deepEqual([report.lost, report.torn], [0, 0]);
});
