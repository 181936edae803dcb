const none = new Uint8Array(0);

/** A stream whose bytes have no form: `next` gives each piece as it came. */
export class RawReader {
  readonly heldBytes: number = 0;
  #piece: Uint8Array = none;

  push(piece: Uint8Array): void {
    this.#piece = piece;
  }

  next(): Uint8Array | undefined {
    const piece = this.#piece;
    this.#piece = none;
    return piece.length === 0 ? undefined : piece;
  }
}
