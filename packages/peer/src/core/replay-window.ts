/**
 * Which packet counters were received already: a ring of bits (RFC 6479). The window is wide, because copies of a
 * datagram travel over paths of different delay.
 */
export const windowPackets = 8192;

/** Twice the window, so that clearing a word ahead of the newest counter never touches one inside the window. */
const ringBits = 2 * windowPackets;
const words = ringBits / 32;

export class ReplayWindow {
  readonly #ring = new Uint32Array(words);
  /** One above the highest counter accepted. */
  #top = 0;

  /** Whether a packet with this counter may still be accepted. */
  allows(counter: number): boolean {
    if (counter >= this.#top) return true;
    if (counter < this.#top - windowPackets) return false;
    return ((this.#ring[wordOf(counter)] ?? 0) & bitOf(counter)) === 0;
  }

  /** Marks a counter, after its packet proved authentic. */
  accept(counter: number): void {
    if (counter >= this.#top) {
      this.#clear(counter);
      this.#top = counter + 1;
    }
    const word = wordOf(counter);
    this.#ring[word] = (this.#ring[word] ?? 0) | bitOf(counter);
  }

  /** Empties the words that the ring enters on its way to `counter`. */
  #clear(counter: number): void {
    const last = Math.floor(counter / 32);
    const first = Math.max(Math.ceil(this.#top / 32), last - words + 1);
    for (let word = first; word <= last; word++) this.#ring[word % words] = 0;
  }
}

function wordOf(counter: number): number {
  return (counter % ringBits) >>> 5;
}

function bitOf(counter: number): number {
  return 1 << (counter & 31);
}
