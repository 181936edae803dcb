/**
 * Where one datagram after the other is put together of its pieces. They are kept one behind the other as they come, which
 * is mostly in order: then what is there is the datagram.
 */

/** Most datagrams that have to be cut are a little larger than what a session takes. */
const usualBytes = 2_400;

export class Assembly {
  /** How many pieces the datagram has. */
  count = 0;
  startedAtMs = 0;
  #bytes = new Uint8Array(usualBytes);
  #used = 0;
  #present = 0;
  #isInOrder = true;
  /** Where each piece begins, and how long it is: 0 when it is not there. */
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];

  begin(count: number, nowMs: number): this {
    this.count = count;
    this.startedAtMs = nowMs;
    this.#used = 0;
    this.#present = 0;
    this.#isInOrder = true;
    for (let index = 0; index < count; index++) this.#lengths[index] = 0;
    return this;
  }

  /**
   * Keeps a copy of a piece, which has at least one byte. One that is there already is a later datagram's, whose number has
   * come round: it takes the place, or, when it has another length, all of them.
   */
  put(index: number, piece: Uint8Array, nowMs: number): void {
    const known = this.#lengths[index];
    if (known !== 0 && known !== piece.length) this.begin(this.count, nowMs);
    if (known !== piece.length) this.#place(index, piece.length);
    this.#bytes.set(piece, this.#starts[index]);
  }

  get isWhole(): boolean {
    return this.#present === this.count;
  }

  /** The datagram; it may be a view, and is valid until the next one is begun. */
  whole(): Uint8Array {
    return this.#isInOrder ? this.#bytes.subarray(0, this.#used) : this.#sorted();
  }

  #place(index: number, lengthBytes: number): void {
    if (index !== this.#present) this.#isInOrder = false;
    this.#present++;
    this.#starts[index] = this.#used;
    this.#lengths[index] = lengthBytes;
    this.#used += lengthBytes;
    if (this.#used <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#used, this.count * lengthBytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  #sorted(): Uint8Array {
    const datagram = new Uint8Array(this.#used);
    let end = 0;
    for (let index = 0; index < this.count; index++) {
      const start = this.#starts[index] ?? 0;
      const length = this.#lengths[index] ?? 0;
      datagram.set(this.#bytes.subarray(start, start + length), end);
      end += length;
    }
    return datagram;
  }
}
