/**
 * Buffers for datagrams on their way, used again by length: a new typed array costs more than the rest of a hop. A
 * buffer is spoilt when its datagram ends, so a machine that keeps a view of one reads nonsense, as it would in
 * production.
 */

const maxKept = 256;
const spoiltByte = 0xdd;

export class BufferPool {
  readonly #byLength: Map<number, Uint8Array[]> = new Map();

  /** A buffer of `lengthBytes` with any content. */
  take(lengthBytes: number): Uint8Array {
    return this.#byLength.get(lengthBytes)?.pop() ?? new Uint8Array(lengthBytes);
  }

  copyOf(bytes: Uint8Array): Uint8Array {
    const copy = this.take(bytes.length);
    copy.set(bytes);
    return copy;
  }

  /** Spoils a buffer and keeps it for the next; nobody may use it any more. */
  release(bytes: Uint8Array): void {
    bytes.fill(spoiltByte);
    const kept = this.#byLength.get(bytes.length);
    if (kept === undefined) this.#byLength.set(bytes.length, [bytes]);
    else if (kept.length < maxKept) kept.push(bytes);
  }
}
