/**
 * Where one datagram after the other is put together of its pieces. They are kept one behind the other as they come, which
 * is mostly in order: then what is there is the datagram.
 */

/** Most datagrams that have to be cut are a little larger than what a session takes. */
const usualBytes = 2_400;

export class Assembly {
  startedAtMs = 0;
  #bytes = new Uint8Array(usualBytes);
  #used = 0;
  #missing = 0;
  /** Where each piece begins, and how long it is: 0 when it is not there. */
  #starts: number[] = [];
  #lengths: number[] = [];

  begin(count: number, nowMs: number): this {
    this.startedAtMs = nowMs;
    this.#used = 0;
    this.#missing = count;
    this.#starts = Array<number>(count).fill(0);
    this.#lengths = Array<number>(count).fill(0);
    return this;
  }

  /** How many pieces the datagram has. */
  get count(): number {
    return this.#lengths.length;
  }

  /**
   * Keeps a copy of a piece, which has at least one byte. One that is there already is a later datagram's, whose number has
   * come round: it takes the place, or, when it has another length, all of them.
   */
  put(index: number, piece: Uint8Array, nowMs: number): void {
    const known = this.#lengths[index];
    if (known !== 0 && known !== piece.length) this.begin(this.count, nowMs);
    if (known !== piece.length) {
      this.#starts[index] = this.#used;
      this.#lengths[index] = piece.length;
      this.#grow(piece.length);
      this.#missing--;
    }
    this.#bytes.set(piece, this.#starts[index]);
  }

  get isWhole(): boolean {
    return this.#missing === 0;
  }

  /** The datagram; it may be a view, and is valid until the next one is begun. */
  whole(): Uint8Array {
    let end = 0;
    for (const [index, start] of this.#starts.entries()) {
      if (start !== end) return this.#inOrder();
      end += this.#lengths[index] ?? 0;
    }
    return this.#bytes.subarray(0, end);
  }

  #inOrder(): Uint8Array {
    const datagram = new Uint8Array(this.#used);
    let end = 0;
    for (const [index, start] of this.#starts.entries()) {
      const length = this.#lengths[index] ?? 0;
      datagram.set(this.#bytes.subarray(start, start + length), end);
      end += length;
    }
    return datagram;
  }

  #grow(pieceBytes: number): void {
    this.#used += pieceBytes;
    if (this.#used <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#used, this.count * pieceBytes));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
