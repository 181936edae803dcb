/** Datagrams that were received and not yet taken: a bounded queue that ends. The oldest go first when it is full. */
const maxQueued = 1024;

export interface QueuedMessage<Info> {
  readonly data: Uint8Array;
  readonly info: Info;
}

export class MessageQueue<Info> {
  #queued: QueuedMessage<Info>[] = [];
  #waiting: (() => void)[] = [];
  #ended = false;

  push(message: QueuedMessage<Info>): void {
    if (this.#ended) return;
    this.#queued.push(message);
    if (this.#queued.length > maxQueued) this.#queued.shift();
    this.#wake();
  }

  /** No more come; what is queued can still be taken. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Takes everything that is queued. */
  drain(): QueuedMessage<Info>[] {
    const queued = this.#queued;
    this.#queued = [];
    return queued;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const next = this.#queued.shift();
      if (next) yield next.data;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
