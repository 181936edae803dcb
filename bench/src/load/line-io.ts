/** What the sockets of a load share. */
import {
  Arena,
  loadSystemCalls,
  Poller,
  ReceiveBatch,
  receiveBatchBytes,
  SendBatch,
  type SystemCalls,
  sendBatchBytes,
} from "@fractal-punch/udp/batch";

const ringBytes = 1_048_576;

export class LineIo {
  readonly calls: SystemCalls;
  readonly arena: Arena;
  readonly view: DataView;
  readonly received: ReceiveBatch;
  readonly outgoing: SendBatch;
  readonly poller: Poller;
  readonly #ring: number;
  #used = 0;

  constructor() {
    const calls = loadSystemCalls();
    if (typeof calls === "string") throw new Error(`there is no batch driver here: ${calls}`);
    this.calls = calls;
    this.arena = new Arena(calls, receiveBatchBytes + sendBatchBytes + ringBytes);
    this.view = new DataView(this.arena.bytes.buffer);
    this.received = new ReceiveBatch(calls, this.arena);
    this.outgoing = new SendBatch(calls, this.arena);
    this.poller = new Poller(calls);
    this.#ring = this.arena.reserve(ringBytes);
  }

  /** Room in the arena for what is sent next; what it held before has left. */
  room(bytes: number): number {
    if (this.#used + bytes > ringBytes) {
      this.outgoing.flush();
      this.#used = 0;
    }
    const at = this.#ring + this.#used;
    this.#used += bytes;
    return at;
  }
}
