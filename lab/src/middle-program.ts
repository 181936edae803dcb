/**
 * The middle of the lab's internet, one process for all links: it takes commands as JSON lines (middle/commands.ts) and
 * ends when its input does, which is when the lab has ended in whatever way.
 */
import { randomInt } from "node:crypto";
import { readSync, writeSync } from "node:fs";
import type { MiddleAnswer, MiddleCommand } from "./middle/commands.ts";
import { Internet } from "./middle/internet.ts";
import { PollSet } from "./middle/poll-set.ts";
import { hurry, loadSystemCalls } from "./middle/system-calls.ts";
import { TunDevice } from "./middle/tun-device.ts";

const stdin = 0;
const stdout = 1;
const inputBytes = 65_536;
const seeds = 2 ** 32;

const calls = await loadSystemCalls();
hurry(calls);
const internet = new Internet(() => new TunDevice(calls), randomInt(seeds));
const polled = new PollSet(calls);
const input = new Uint8Array(inputBytes);
const decoder = new TextDecoder();
let unfinishedLine = "";
let stations = [...internet.stations];
polled.watch([stdin]);
for (let goesOn = true; goesOn; ) goesOn = turn();

function turn(): boolean {
  polled.wait(internet.nextAt() - performance.now());
  internet.run(performance.now());
  for (const [index, station] of stations.entries()) {
    if (!polled.isReady(index + 1)) continue;
    internet.run(performance.now());
    station.readDevice();
  }
  return !polled.isReady(0) || readInput();
}

/** False at the end of the input. */
function readInput(): boolean {
  const lengthBytes = readSync(stdin, input);
  const lines = (unfinishedLine + decoder.decode(input.subarray(0, lengthBytes), { stream: true })).split("\n");
  unfinishedLine = lines.pop() ?? "";
  for (const line of lines) {
    internet.run(performance.now());
    writeSync(stdout, `${JSON.stringify(answerTo(JSON.parse(line)))}\n`);
  }
  stations = [...internet.stations];
  polled.watch([stdin, ...stations.map(({ device }) => device.fd)]);
  return lengthBytes > 0;
}

function answerTo(command: MiddleCommand): MiddleAnswer {
  try {
    const device = internet.command(command);
    return { event: "done", ...(device !== undefined && { device }) };
  } catch (error) {
    return { event: "failed", reason: error instanceof Error ? error.message : String(error) };
  }
}
