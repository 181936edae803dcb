/** The forwarding threads of a driver, as its control plane has them. */
import { closeSync, readSync, writeSync } from "node:fs";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { PortId, PortRequest } from "@fractal-punch/machine";
import type { Counters, DriverCounters } from "../counters.ts";
import { monotonicNow } from "../primitives.ts";
import type { BatchIo } from "./batch-io.ts";
import { type HandedOver, HandoverReader, handoverBytes } from "./handover.ts";
import type { Pollable } from "./poller.ts";
import { bindGroup } from "./reuse-port.ts";
import type { BoundSocket } from "./socket.ts";
import { sharedClockMs, type ThreadCommand, type ThreadNews, type ThreadTask } from "./thread-task.ts";

export interface ThreadsOptions {
  readonly count: number;
  /** What each thread runs: it has to call `runForwardingThread` with `workerData.forwarding`. */
  readonly program: URL;
  /** What it is given besides, as `workerData.task`, for the thread of that index. */
  taskOf(index: number): unknown;
  /** A thread has ended by itself; another one takes its place. */
  onDeath(index: number, error: Error): void;
}

/** A port whose descriptors threads have, too. */
export interface ThreadedPort {
  /** The control plane only writes to it. */
  readonly isReadElsewhere: boolean;
  /** Takes it from the threads; resolves when none will touch it again. */
  released(): Promise<void>;
}

interface Lent {
  /** By thread. */
  readonly commands: readonly (ThreadCommand & { type: "open" })[];
  /** Descriptors that only threads have. */
  readonly ownFds: readonly number[];
  /** Threads that still may touch them, once it is being closed. */
  waitingFor: Set<number> | undefined;
  onReleased: () => void;
}

const eventFlags = 0o4000 | 0o2000000;
const eventOne = new Uint8Array(new BigUint64Array([1n]).buffer);
/** So many in one turn of the event loop. */
const maxTakenOver = 512;
const restartAfterMs = 100;

export class ForwardingThreads {
  readonly #io: BatchIo;
  readonly #counters: DriverCounters;
  readonly #options: ThreadsOptions;
  readonly #threads: ThreadHandle[];
  readonly #lent = new Map<PortId, Lent>();
  #isClosing = false;

  constructor(options: ThreadsOptions, io: BatchIo, counters: DriverCounters, takeOver: (handed: HandedOver) => void) {
    this.#io = io;
    this.#counters = counters;
    this.#options = options;
    this.#threads = Array.from({ length: options.count }, (_, index) => new ThreadHandle(index, io, takeOver));
    for (const thread of this.#threads) this.#start(thread);
  }

  /** What all threads and the control plane have counted. */
  get counters(): Counters {
    const { drops } = this.#counters;
    const sum = (place: 0 | 1): number => this.#threads.reduce((all, { counts }) => all + (counts[place] ?? 0), 0);
    return { received: this.#counters.received + sum(0), sent: this.#counters.sent + sum(1), drops };
  }

  /** The control plane's socket on a port that each thread has one of as well; or the system's word for why not. */
  bindGroup(id: PortId, request: PortRequest): BoundSocket | string {
    const sockets = bindGroup(this.#io.calls, request, this.#threads.length);
    if (typeof sockets === "string") return sockets;
    const [own, ...others] = sockets;
    if (own === undefined) return "EBADF";
    const commands = others.map(
      ({ fd, segments }) => ({ type: "open", port: id, fd, segments, isRead: true }) as const,
    );
    this.#lend(
      id,
      commands,
      others.map(({ fd }) => fd),
    );
    return own;
  }

  joined(id: PortId): ThreadedPort {
    return { isReadElsewhere: false, released: () => this.#release(id) };
  }

  /** One of the threads reads it from now on, and all may write to it. */
  lend(id: PortId, { fd, segments }: BoundSocket): ThreadedPort {
    const reader = id % this.#threads.length;
    const commands = this.#threads.map(({ index }) => {
      return { type: "open", port: id, fd, segments, isRead: index === reader } as const;
    });
    this.#lend(id, commands, []);
    return { isReadElsewhere: true, released: () => this.#release(id) };
  }

  /** Ends all threads; call it once no port is open. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  #lend(id: PortId, commands: Lent["commands"], ownFds: readonly number[]): void {
    this.#lent.set(id, { commands, ownFds, waitingFor: undefined, onReleased: () => undefined });
    for (const [index, command] of commands.entries()) this.#threads[index]?.tell(command);
  }

  async #release(id: PortId): Promise<void> {
    const lent = this.#lent.get(id);
    if (lent === undefined) return;
    await new Promise<void>((resolve) => {
      lent.onReleased = resolve;
      lent.waitingFor = new Set(this.#threads.filter(({ isAlive }) => isAlive).map(({ index }) => index));
      for (const thread of this.#threads) thread.tell({ type: "close", port: id });
      if (lent.waitingFor.size === 0) resolve();
    });
    if (this.#lent.get(id) === lent) this.#lent.delete(id);
    for (const fd of lent.ownFds) closeSync(fd);
  }

  #start(thread: ThreadHandle): void {
    const { program } = this.#options;
    const worker = thread.start(program, this.#options.taskOf(thread.index), (news) => this.#hear(thread, news));
    let reason = new Error("it ended without a reason");
    worker.on("error", (error: Error) => {
      reason = error;
    });
    worker.once("exit", () => this.#ended(thread, reason));
    for (const { commands, waitingFor } of this.#lent.values()) {
      const command = commands[thread.index];
      if (command !== undefined && waitingFor === undefined) thread.tell(command);
    }
  }

  #ended(thread: ThreadHandle, reason: Error): void {
    thread.isAlive = false;
    for (const lent of this.#lent.values()) this.#released(lent, thread);
    if (this.#isClosing) return;
    this.#options.onDeath(thread.index, reason);
    setTimeout(() => {
      if (!this.#isClosing) this.#start(thread);
    }, restartAfterMs);
  }

  #hear(thread: ThreadHandle, news: ThreadNews): void {
    if (news.type === "drops") for (const [word, count] of news.drops) this.#counters.count(word, count);
    const lent = news.type === "closed" ? this.#lent.get(news.port) : undefined;
    if (lent !== undefined) this.#released(lent, thread);
  }

  #released({ waitingFor, onReleased }: Lent, { index }: ThreadHandle): void {
    if (waitingFor?.delete(index) === true && waitingFor.size === 0) onReleased();
  }
}

/** One thread, and those that take its place when it dies: what it shares with the control plane stays. */
class ThreadHandle implements Pollable {
  readonly index: number;
  readonly counts: Float64Array;
  /** Readable when the thread has left something. */
  readonly fd: number;
  isAlive = false;
  readonly #io: BatchIo;
  readonly #wakeFd: number;
  readonly #countsBuffer = new SharedArrayBuffer(16);
  readonly #handover = new SharedArrayBuffer(handoverBytes);
  readonly #reader: HandoverReader = new HandoverReader(this.#handover);
  readonly #takeOver: (handed: HandedOver) => void;
  #port: MessagePort | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor(index: number, io: BatchIo, takeOver: (handed: HandedOver) => void) {
    this.index = index;
    this.counts = new Float64Array(this.#countsBuffer);
    this.#io = io;
    this.#takeOver = takeOver;
    this.fd = io.calls.eventfd(0, eventFlags);
    this.#wakeFd = io.calls.eventfd(0, eventFlags);
    if (this.fd < 0 || this.#wakeFd < 0) throw new Error("the system gives no eventfd");
    io.add(this);
  }

  start(program: URL, task: unknown, onNews: (news: ThreadNews) => void): Worker {
    const { port1, port2 } = new MessageChannel();
    const forwarding: ThreadTask = {
      commands: port2,
      wakeFd: this.#wakeFd,
      handover: this.#handover,
      notifyFd: this.fd,
      counts: this.#countsBuffer,
      clockAheadMs: sharedClockMs() - monotonicNow(),
    };
    const worker = new Worker(program, { workerData: { task, forwarding }, transferList: [port2] });
    this.#port?.close();
    this.#port = port1;
    this.isAlive = true;
    this.#ended = new Promise((resolve) => worker.once("exit", resolve));
    port1.on("message", onNews);
    port1.unref();
    return worker;
  }

  tell(command: ThreadCommand): void {
    this.#port?.postMessage(command);
    writeSync(this.#wakeFd, eventOne);
  }

  readable(): void {
    readSync(this.fd, new Uint8Array(8));
    if (!this.#reader.drain(maxTakenOver, this.#takeOver)) writeSync(this.fd, eventOne);
  }

  writable(): void {}

  async close(): Promise<void> {
    this.tell({ type: "stop" });
    await this.#ended;
    this.#port?.close();
    this.#io.remove(this);
    closeSync(this.fd);
    closeSync(this.#wakeFd);
  }
}
