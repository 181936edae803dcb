/** A thread that forwards: it blocks in the system until a socket is readable, and has no event loop of its own. */
import { readSync, writeSync } from "node:fs";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Forwarder, PortId } from "@fractal-punch/machine";
import { DriverCounters } from "../counters.ts";
import { BatchSocket, type SocketOwner } from "./batch-socket.ts";
import { Forwarding } from "./forwarding.ts";
import { HandoverWriter } from "./handover.ts";
import type { Pollable } from "./poller.ts";
import { SocketIo } from "./socket-io.ts";
import { loadSystemCalls } from "./system-calls.ts";
import { sharedClockMs, type ThreadCommand, type ThreadNews, type ThreadTask } from "./thread-task.ts";

/** A thread that only the system can wake must not sleep for ever: it could not be ended from outside. */
const longestSleepMs = 1_000;

const eventOne = new Uint8Array(new BigUint64Array([1n]).buffer);

class ForwardingThread implements Pollable {
  readonly fd: number;
  readonly #io: SocketIo;
  readonly #forwarding: Forwarding;
  readonly #counters = new DriverCounters();
  readonly #handover: HandoverWriter;
  readonly #commands: MessagePort;
  readonly #notifyFd: number;
  readonly #shown: Float64Array;
  #isStopped = false;
  #hasLeft = false;

  constructor(forwarder: Forwarder, task: ThreadTask) {
    const calls = loadSystemCalls();
    if (typeof calls === "string") throw new Error(calls);
    const offsetMs = sharedClockMs() - performance.now() - task.clockAheadMs;
    this.#io = new SocketIo(calls, () => performance.now() + offsetMs);
    this.#forwarding = new Forwarding(forwarder, this.#counters);
    this.#handover = new HandoverWriter(task.handover);
    this.#commands = task.commands;
    this.#notifyFd = task.notifyFd;
    this.#shown = new Float64Array(task.counts);
    this.#counters.received = this.#shown[0] ?? 0;
    this.#counters.sent = this.#shown[1] ?? 0;
    this.fd = task.wakeFd;
    this.#io.add(this);
  }

  run(): void {
    while (!this.#isStopped) {
      this.#io.poll(longestSleepMs);
      if (this.#hasLeft && this.#handover.takeWish()) writeSync(this.#notifyFd, eventOne);
      this.#hasLeft = false;
      this.#shown[0] = this.#counters.received;
      this.#shown[1] = this.#counters.sent;
      if (this.#counters.drops.size > 0) this.#tellDrops();
    }
    this.#commands.close();
  }

  /** There are commands. */
  readable(): void {
    readSync(this.fd, new Uint8Array(8));
    for (let got = receiveMessageOnPort(this.#commands); got !== undefined; got = receiveMessageOnPort(this.#commands))
      this.#obey(got.message);
  }

  writable(): void {}

  #obey(command: ThreadCommand): void {
    switch (command.type) {
      case "open":
        return this.#open(command);
      case "close":
        this.#forwarding.ports.get(command.port)?.stop();
        this.#forwarding.ports.delete(command.port);
        return this.#tell({ type: "closed", port: command.port });
      case "stop":
        this.#isStopped = true;
    }
  }

  #open({ port, fd, segments, isRead }: ThreadCommand & { type: "open" }): void {
    this.#forwarding.ports.set(port, new BatchSocket(fd, segments, isRead, this.#io, this.#ownerOf(port)));
  }

  #ownerOf(port: PortId): SocketOwner {
    const counters = this.#counters;
    const { received, arena } = this.#io;
    return {
      take: (now, _message, _segment, start, end) => {
        counters.received++;
        if (this.#forwarding.take(now, port, received, start, end)) return;
        this.#hasLeft = true;
        const { ecn, from, local } = received;
        if (!this.#handover.write(port, ecn, from, local, arena.bytes, start, end)) counters.drop("handover-full");
      },
      drop: (word) => counters.drop(word),
      fail: (code) => counters.fail(code),
    };
  }

  #tellDrops(): void {
    this.#tell({ type: "drops", drops: new Map(this.#counters.drops) });
    this.#counters.drops.clear();
  }

  #tell(news: ThreadNews): void {
    this.#commands.postMessage(news);
  }
}

/** Forwards until it is told to stop. The program of a thread calls it with what it was given. */
export function runForwardingThread(forwarder: Forwarder, task: ThreadTask): void {
  new ForwardingThread(forwarder, task).run();
}
