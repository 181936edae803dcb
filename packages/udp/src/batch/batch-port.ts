import {
  type Address,
  type PortId,
  type PortRequest,
  type SendOptions,
  writeAddressWords,
} from "@fractal-punch/machine";
import type { Port, PortContext } from "../port.ts";
import { monotonicNow } from "../primitives.ts";
import type { BatchIo } from "./batch-io.ts";
import { InfoBook } from "./info-book.ts";
import type { Pollable } from "./poller.ts";
import type { Manner, Sender } from "./send-batch.ts";
import { type BoundSocket, bindSocket } from "./socket.ts";
import { errorName } from "./system-calls.ts";

/** Datagrams that wait in this process, behind a full buffer of the system's: more would only be late. */
const maxWaiting = 256;

const scratch = new Uint32Array(5);

/** One socket of UDP that is read and written in batches. */
export class BatchPort implements Port, Pollable, Sender {
  readonly fd: number;
  segments: boolean;
  readonly #id: PortId;
  readonly #family: 4 | 6;
  readonly #io: BatchIo;
  readonly #context: PortContext;
  readonly #infos: InfoBook;
  readonly #waiting: { readonly bytes: Uint8Array; readonly name: Uint8Array }[] = [];
  readonly #manner = { ecn: 0, ttl: 0, local: new Uint32Array(5) };
  #isOpen = true;

  constructor(id: PortId, family: 4 | 6, socket: BoundSocket, io: BatchIo, context: PortContext) {
    this.#id = id;
    this.fd = socket.fd;
    this.segments = socket.segments;
    this.#family = family;
    this.#io = io;
    this.#context = context;
    this.#infos = new InfoBook(socket.local.port);
    io.add(this);
  }

  send(to: Address, options: SendOptions | undefined, head: Uint8Array, rest?: Uint8Array): void {
    const { counters } = this.#context;
    if (to.port === 0) return counters.drop("destination-port-0");
    if (to.family !== this.#family) return counters.drop("destination-other-family");
    counters.sent++;
    writeAddressWords(scratch, 0, to);
    this.#io.outgoing.copy(this, scratch, 0, this.#mannerOf(options), head, rest);
    this.#io.flushSoon();
  }

  /** What `ForwardOutbox` asks for. */
  pass(ecn: number, routes: Uint32Array, at: number, start: number, end: number): void {
    this.#context.counters.sent++;
    this.#io.outgoing.pass(this, routes, at, this.#mannerOfRoute(ecn, routes, at), start, end);
  }

  passBehind(ecn: number, routes: Uint32Array, at: number, head: number, start: number, end: number): void {
    this.#context.counters.sent++;
    this.#io.outgoing.passBehind(this, routes, at, this.#mannerOfRoute(ecn, routes, at), head, start, end);
  }

  /** A port of UDP has none. */
  closeStream(): void {}

  holdStream(): void {}

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#io.outgoing.flush();
    this.#isOpen = false;
    this.#io.remove(this);
    this.#io.calls.close(this.fd);
  }

  wait(bytes: Uint8Array, name: Uint8Array): void {
    if (this.#waiting.length >= maxWaiting) return this.#context.counters.drop("send-queue-full");
    if (this.#waiting.length === 0) this.#io.watchWritable(this, true);
    this.#waiting.push({ bytes, name });
  }

  failed(code: string, datagrams: number): void {
    for (let i = 0; i < datagrams; i++) this.#context.counters.fail(code);
  }

  writable(): void {
    const { calls } = this.#io;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const { bytes, name } = first;
      if (calls.sendto(this.fd, bytes, bytes.length, 0x4040, name, name.length) < 0) {
        const code = errorName(calls.error());
        if (code === "EAGAIN") return;
        this.#context.counters.fail(code);
      }
      this.#waiting.shift();
    }
    if (this.#isOpen) this.#io.watchWritable(this, false);
  }

  readable(): void {
    const { received, outgoing } = this.#io;
    if (!this.#isOpen) return;
    // What was passed on of the datagrams before lies where the next ones will.
    outgoing.flush();
    const count = received.fill(this.fd);
    if (count < 0) return this.#failedToReceive(errorName(-count));
    const now = monotonicNow();
    for (let i = 0; i < count && this.#isOpen; i++) {
      if (received.read(i)) this.#takeMessage(now, i);
      else this.#context.counters.drop("source-unusable");
    }
  }

  #takeMessage(now: number, message: number): void {
    const { start, end, segmentBytes } = this.#io.received;
    let at = start;
    let segment = 0;
    do {
      const next = Math.min(at + segmentBytes, end);
      this.#takeDatagram(now, message, segment++, at, next);
      at = next;
    } while (at < end && this.#isOpen);
  }

  #takeDatagram(now: number, message: number, segment: number, start: number, end: number): void {
    const { received, addresses } = this.#io;
    const { forwarding, counters } = this.#context;
    if (forwarding?.take(now, this.#id, received, start, end) === true) {
      counters.received++;
      return;
    }
    counters.received++;
    const bytes = this.#io.views.view(message, segment, start, end);
    this.#context.receive(this.#id, addresses.address(received.from), bytes, this.#infos.info(received));
  }

  #failedToReceive(code: string): void {
    if (code !== "EAGAIN" && code !== "EINTR") this.#context.counters.fail(code);
  }

  #mannerOf(options: SendOptions | undefined): Manner {
    const manner = this.#manner;
    manner.ecn = options?.ecn ?? 0;
    manner.ttl = options?.ttl ?? 0;
    if (options?.local === undefined) manner.local.fill(0);
    else writeAddressWords(manner.local, 0, options.local);
    // A port has nothing to do with it, and would keep apart what belongs together.
    manner.local[0] = (manner.local[0] ?? 0) & ~0xffff;
    return manner;
  }

  #mannerOfRoute(ecn: number, routes: Uint32Array, at: number): Manner {
    const manner = this.#manner;
    manner.ecn = ecn;
    manner.ttl = 0;
    for (let i = 0; i < 5; i++) manner.local[i] = routes[at + 5 + i] ?? 0;
    return manner;
  }
}

/** Opens a socket and tells how that went; `undefined` when it cannot be bound. */
export function openBatchPort(
  id: PortId,
  request: PortRequest,
  io: BatchIo,
  context: PortContext,
): BatchPort | undefined {
  const socket = bindSocket(io.calls, request);
  if (typeof socket === "string") {
    context.tell({ type: "port-failed", port: id, code: socket });
    return undefined;
  }
  context.tell({ type: "port-opened", port: id, local: socket.local });
  return new BatchPort(id, request.family, socket, io, context);
}
