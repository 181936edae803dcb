/**
 * Rows of numbers, all equally long, in memory that costs what it says and that the collector has nothing to do with: a
 * million objects would be walked again and again. Rows come in blocks, so that more of them move none; blocks stay.
 */

const rowsPerBlockBits = 10;
const rowsPerBlock: number = 1 << rowsPerBlockBits;

/** Three views of the same memory. */
interface Block {
  readonly words: Uint32Array;
  readonly doubles: Float64Array;
  readonly bytes: Uint8Array;
}

/** Rows are numbered from 1; places in them are counted in words of 32 bits. */
export class Rows {
  /** Even, so that each row has its doubles in line. */
  readonly #rowWords: number;
  readonly #blocks: Block[] = [];
  #size = 0;
  /** The row that was freed last; the first word of each leads to the one before. */
  #freed = 0;
  /** How many rows were in use at most. */
  #made = 0;

  constructor(rowWords: number) {
    this.#rowWords = rowWords + (rowWords & 1);
  }

  get size(): number {
    return this.#size;
  }

  /** Every row, in use or not, has a number up to this one. */
  get lastRow(): number {
    return this.#made;
  }

  /** A row of zeros. */
  take(): number {
    this.#size++;
    const row = this.#freed;
    if (row === 0) return this.#make();
    this.#freed = this.word(row, 0);
    this.setWord(row, 0, 0);
    return row;
  }

  free(row: number): void {
    this.#size--;
    this.bytes(row, 0, 4 * this.#rowWords).fill(0);
    this.setWord(row, 0, this.#freed);
    this.#freed = row;
  }

  word(row: number, at: number): number {
    return this.#blocks[row >>> rowsPerBlockBits]?.words[this.#start(row) + at] ?? 0;
  }

  /** Whether these words are there. */
  holds(row: number, at: number, expected: Uint32Array): boolean {
    const words = this.#blocks[row >>> rowsPerBlockBits]?.words;
    const start = this.#start(row) + at;
    for (let i = 0; i < expected.length; i++) if (words?.[start + i] !== expected[i]) return false;
    return true;
  }

  setWord(row: number, at: number, value: number): void {
    const words = this.#blocks[row >>> rowsPerBlockBits]?.words;
    if (words !== undefined) words[this.#start(row) + at] = value;
  }

  /** Of two words, the first of them at an even place. */
  double(row: number, at: number): number {
    return this.#blocks[row >>> rowsPerBlockBits]?.doubles[(this.#start(row) + at) >>> 1] ?? 0;
  }

  setDouble(row: number, at: number, value: number): void {
    const doubles = this.#blocks[row >>> rowsPerBlockBits]?.doubles;
    if (doubles !== undefined) doubles[(this.#start(row) + at) >>> 1] = value;
  }

  /** A view, of the row as long as that is in use. */
  bytes(row: number, at: number, length: number): Uint8Array {
    const start = 4 * (this.#start(row) + at);
    return this.#blocks[row >>> rowsPerBlockBits]?.bytes.subarray(start, start + length) ?? new Uint8Array(0);
  }

  #start(row: number): number {
    return (row & (rowsPerBlock - 1)) * this.#rowWords;
  }

  #make(): number {
    const row = ++this.#made;
    if (row >>> rowsPerBlockBits === this.#blocks.length) {
      const memory = new ArrayBuffer(4 * this.#rowWords * rowsPerBlock);
      const block = {
        words: new Uint32Array(memory),
        doubles: new Float64Array(memory),
        bytes: new Uint8Array(memory),
      };
      this.#blocks.push(block);
    }
    return row;
  }
}
