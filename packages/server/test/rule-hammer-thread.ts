/** Looks for rules, over and over, while another thread writes; tells what was wrong with what it saw. */
import { parentPort, workerData } from "node:worker_threads";
import { type ForwardOutbox, writeAddressWords } from "@fractal-punch/machine";
import { RelayForwarder, RuleMemory } from "@fractal-punch/server/core";
import { type HammerReport, hammeredRule } from "./rule-hammer.ts";

interface Task {
  readonly rules: number;
  readonly seed: number;
  readonly buffer: SharedArrayBuffer;
  readonly stop: Int32Array;
  readonly standing: number;
  readonly changing: number;
  readonly credit: number;
}

const { rules, seed, buffer, stop, standing, changing, credit }: Task = workerData;
const memory = new RuleMemory(rules, seed, buffer);
const forwarder = new RelayForwarder(() => memory);
const count = standing + changing;
const senders = Array.from({ length: count }, (_, i) => {
  const { from, port, number } = hammeredRule(i, 0, credit);
  const words = new Uint32Array(5);
  writeAddressWords(words, 0, from);
  return { words, port, number };
});
const nobody = { words: new Uint32Array(5), port: 0, number: 0 };
const datagram = new Uint8Array(4);
let torn = 0;
let lost = 0;
let looks = 0;

/** By port, which is the mark. */
const expected = Array.from({ length: 1_000 }, (_, mark) => {
  const { to, outNumber } = hammeredRule(0, mark, credit);
  const words = new Uint32Array(5);
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
  for (let i = 0; i < count; i++) {
    const { words, port, number } = senders[i] ?? nobody;
    datagram[0] = number >> 8;
    datagram[1] = number & 255;
    looks++;
    if (!forwarder.take(0, port, words, datagram, 0, 4, out) && i < standing) lost++;
  }
}

parentPort?.postMessage("ready");
do lookForAll();
while (Atomics.load(stop, 0) === 0);
const report: HammerReport = { looks, lost, torn };
parentPort?.postMessage(report);
