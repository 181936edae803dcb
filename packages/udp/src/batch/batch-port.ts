import {
  type Address,
  addressWords,
  type PortId,
  type PortRequest,
  type SendOptions,
  writeAddressWords,
} from "@fractal-punch/machine";
import type { DropWord } from "../counters.ts";
import type { PortContext, UdpPort } from "../port.ts";
import type { BatchIo } from "./batch-io.ts";
import { BatchSocket, type SocketOwner } from "./batch-socket.ts";
import type { ThreadedPort } from "./forwarding-threads.ts";
import type { HandedOver } from "./handover.ts";
import { InfoBook } from "./info-book.ts";
import type { Manner } from "./outgoing-messages.ts";
import { type BoundSocket, bindSocket, connectSocket } from "./socket.ts";

const scratch = new Uint32Array(addressWords);
const manner = { ecn: 0, ttl: 0, isWhole: false, local: new Uint32Array(addressWords) };

/** A port of a machine's that is read and written in batches. */
export class BatchPort implements UdpPort, SocketOwner {
  readonly socket: BatchSocket;
  readonly #id: PortId;
  readonly #family: 4 | 6;
  readonly #io: BatchIo;
  readonly #context: PortContext;
  readonly #infos: InfoBook;
  /** What forwarding threads have of it. */
  readonly #threaded: ThreadedPort | undefined;

  constructor(
    id: PortId,
    family: 4 | 6,
    bound: BoundSocket,
    io: BatchIo,
    context: PortContext,
    threaded: ThreadedPort | undefined,
  ) {
    this.#id = id;
    this.#family = family;
    this.#io = io;
    this.#context = context;
    this.#infos = new InfoBook(bound.local.port);
    this.#threaded = threaded;
    this.socket = new BatchSocket(bound.fd, bound.segments, threaded?.isReadElsewhere !== true, io, this);
  }

  send(to: Address, options: SendOptions | undefined, head: Uint8Array, rest?: Uint8Array): void {
    const { counters } = this.#context;
    if (to.port === 0) return counters.drop("destination-port-0");
    if (to.family !== this.#family) return counters.drop("destination-other-family");
    counters.sent++;
    writeAddressWords(scratch, 0, to);
    this.#io.outgoing.copy(this.socket, scratch, 0, mannerOf(options), head, rest);
    this.#io.flushSoon();
  }

  connect(to: Address): void {
    const failure = connectSocket(this.#io.calls, this.socket.fd, to);
    if (failure !== undefined) this.#context.counters.fail(failure);
  }

  /** A port of UDP has none. */
  closeStream(): void {}

  holdStream(): void {}

  async close(): Promise<void> {
    if (!this.socket.isOpen) return;
    this.socket.stop();
    // Its number is free at once, where no thread has it.
    if (this.#threaded !== undefined) await this.#threaded.released();
    this.#io.calls.close(this.socket.fd);
  }

  take(now: number, message: number, segment: number, start: number, end: number): void {
    const { received, addresses, views } = this.#io;
    const { forwarding, counters } = this.#context;
    counters.received++;
    if (forwarding?.take(now, this.#id, received, start, end) === true) return;
    const bytes = views.view(message, segment, start, end);
    this.#context.receive(this.#id, addresses.address(received.from), bytes, this.#infos.info(received), now);
  }

  /** What a forwarding thread leaves to the machine. */
  takeOver(handed: HandedOver): void {
    if (!this.socket.isOpen) return;
    const from = this.#io.addresses.address(handed.from);
    this.#context.receive(this.#id, from, handed.bytes, this.#infos.info(handed));
  }

  drop(word: DropWord): void {
    this.#context.counters.drop(word);
  }

  fail(code: string): void {
    this.#context.counters.fail(code);
  }
}

/** Opens a socket and tells how that went; `undefined` when it cannot be bound. */
export function openBatchPort(
  id: PortId,
  request: PortRequest,
  io: BatchIo,
  context: PortContext,
): BatchPort | undefined {
  const { threads } = context;
  const isJoined = threads !== undefined && request.lean !== true;
  const bound = isJoined ? threads.bindGroup(id, request) : bindSocket(io.calls, request);
  if (typeof bound === "string") {
    context.tell({ type: "port-failed", port: id, code: bound });
    return undefined;
  }
  const threaded = isJoined ? threads.joined(id) : threads?.lend(id, bound);
  context.tell({ type: "port-opened", port: id, local: bound.local });
  return new BatchPort(id, request.family, bound, io, context, threaded);
}

function mannerOf(options: SendOptions | undefined): Manner {
  manner.ecn = options?.ecn ?? 0;
  manner.ttl = options?.ttl ?? 0;
  manner.isWhole = options?.dontFragment ?? false;
  if (options?.local === undefined) manner.local.fill(0);
  else writeAddressWords(manner.local, 0, options.local);
  // A port has nothing to do with it, and would keep apart what belongs together.
  manner.local[0] = (manner.local[0] ?? 0) & ~0xffff;
  return manner;
}
