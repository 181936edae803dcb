/** Looks for rules, over and over, while another thread writes them; tells what was wrong with what it saw. */
import { parentPort, workerData } from "node:worker_threads";
import { addressWords, type ForwardOutbox, writeAddressWords } from "@fractal-punch/machine";
import { RelayForwarder, RuleMemory } from "@fractal-punch/server/core";
import { type HammerReport, hammeredRule } from "./rule-hammer.ts";

interface Task {
  readonly rules: number;
  readonly seed: number;
  readonly buffer: SharedArrayBuffer;
  readonly stop: Int32Array;
  readonly keys: readonly number[];
  readonly changes: Int32Array;
  readonly credit: number;
}

const { rules, seed, buffer, stop, keys, changes, credit }: Task = workerData;
const memory = new RuleMemory(rules, seed, buffer);
const forwarder = new RelayForwarder(() => memory);
const senders = keys.map((key) => {
  const { from, port, number } = hammeredRule(key, 0, credit);
  const words = new Uint32Array(addressWords);
  writeAddressWords(words, 0, from);
  return { words, port, number };
});
const datagram = new Uint8Array(4);
let torn = 0;
let lost = 0;
let looks = 0;

/** By port, which is the mark. */
const expected = Array.from({ length: 1_000 }, (_, mark) => {
  const { to, outNumber } = hammeredRule(0, mark, credit);
  const words = new Uint32Array(addressWords);
  writeAddressWords(words, 0, to);
  return { words, outNumber };
});

const out: ForwardOutbox = {
  pass(port, routes, at) {
    const { words = routes, outNumber = -1 } = expected[port] ?? {};
    const number = ((datagram[0] ?? 0) << 8) | (datagram[1] ?? 0);
    const isRoute = words[0] === routes[at] && words[1] === routes[at + 1];
    if (!isRoute || number !== outNumber) torn++;
  },
  passBehind() {
    torn++;
  },
};

function lookForAll(): void {
  for (const [index, { words, port, number }] of senders.entries()) {
    datagram[0] = number >> 8;
    datagram[1] = number & 255;
    looks++;
    const before = Atomics.load(changes, index);
    if (forwarder.take(0, port, words, datagram, 0, 4, out)) continue;
    if ((before & 1) === 0 && Atomics.load(changes, index) === before) lost++;
  }
}

parentPort?.postMessage("ready");
do lookForAll();
while (Atomics.load(stop, 0) === 0);
const report: HammerReport = { looks, lost, torn };
parentPort?.postMessage(report);
