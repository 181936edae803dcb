import { maxMessages } from "./receive-batch.ts";

/** Datagrams of a message that have a view each; there may be more, which get new ones. */
const segments = 64;

/** Views of an arena, each kept for the next datagram at its place: most are as long as the one before. */
export class Views {
  readonly #bytes: Uint8Array;
  readonly #views: (Uint8Array | undefined)[] = Array<Uint8Array | undefined>(maxMessages * segments).fill(undefined);

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  view(message: number, segment: number, start: number, end: number): Uint8Array {
    if (segment >= segments) return this.#bytes.subarray(start, end);
    const place = message * segments + segment;
    const known = this.#views[place];
    if (known !== undefined && known.byteOffset === start && known.length === end - start) return known;
    const view = this.#bytes.subarray(start, end);
    this.#views[place] = view;
    return view;
  }
}
