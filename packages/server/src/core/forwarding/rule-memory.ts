/**
 * What may be forwarded, in memory that threads can share: rules, found by a datagram's port, sender and channel number,
 * and cells of credit. Only the control plane writes. Each rule has a version, as has the index, which is odd while it is
 * being written: a reader that meets such a one, or another version after reading than before, looks again.
 */
import { addressWords, sameWords } from "@fractal-punch/machine";

/** Words of 32 bits of a rule; its times are float64, and so at even places. */
export const field = {
  version: 0,
  from: 1,
  port: 6,
  number: 7,
  outPort: 8,
  kind: 9,
  outNumber: 10,
  credit: 11,
  earner: 12,
  endsAt: 14,
  activeAt: 16,
  route: 18,
} as const;
const ruleWords = 32;

/** What is done with a datagram. */
export const ruleKind = {
  /** ChannelData goes on under another number. */
  session: 1,
  /** ChannelData loses its header. */
  toPeer: 2,
  /** A datagram gets the header of a channel. */
  toClient: 3,
} as const;

/** The number of datagrams that have none: those that come to relayed addresses. */
export const noNumber = 0x1_0000;

/** For a rule without one. */
export const noCell = 0xffff_ffff;

/** Where the version of the index is. */
export const indexVersionAt = 0;
const indexAt = 2;
/** Slots for each rule: probing stays short. */
const slotsPerRule = 2;
const cellsPerRule = 2;

export class RuleMemory {
  /** A power of two. */
  readonly rules: number;
  readonly cells: number;
  /** Another one for each that takes the place of one before. */
  readonly generation: number;
  /** So that nobody can choose senders that share a slot. */
  readonly seed: number;
  readonly buffer: ArrayBufferLike;
  readonly words: Uint32Array;
  readonly ints: Int32Array;
  readonly times: Float64Array;
  readonly #mask: number;
  readonly #rulesAt: number;
  readonly #cellsAt: number;

  /** Over memory of another thread's, or new. */
  constructor(
    rules: number,
    seed: number,
    buffer: ArrayBufferLike = new ArrayBuffer(memoryBytes(rules)),
    generation: number = 0,
  ) {
    this.rules = rules;
    this.generation = generation;
    this.cells = cellsPerRule * rules;
    this.seed = seed;
    this.buffer = buffer;
    this.words = new Uint32Array(buffer);
    this.ints = new Int32Array(buffer);
    this.times = new Float64Array(buffer);
    this.#mask = slotsPerRule * rules - 1;
    this.#rulesAt = indexAt + slotsPerRule * rules;
    this.#cellsAt = this.#rulesAt + ruleWords * rules;
  }

  /** Of the index; each has a rule's number and 1, or 0. */
  get slots(): number {
    return this.#mask + 1;
  }

  slotAt(index: number): number {
    return indexAt + index;
  }

  /** Where a rule begins, in words. */
  ruleAt(rule: number): number {
    return this.#rulesAt + ruleWords * rule;
  }

  cellAt(cell: number): number {
    return this.#cellsAt + cell;
  }

  /** The slot at which looking for a key begins, in words; `from` are address words. */
  firstSlot(port: number, from: Uint32Array, fromAt: number, number: number): number {
    let hash = mix(this.seed, port);
    hash = mix(hash, number);
    for (let i = 0; i < addressWords; i++) hash = mix(hash, from[fromAt + i] ?? 0);
    return indexAt + (hash & this.#mask);
  }

  nextSlot(slot: number): number {
    return indexAt + ((slot - indexAt + 1) & this.#mask);
  }

  /** How many steps `slot` is behind `first`, going round. */
  distance(first: number, slot: number): number {
    return (slot - first) & this.#mask;
  }

  hasKey(at: number, port: number, from: Uint32Array, fromAt: number, number: number): boolean {
    const { words } = this;
    if (words[at + field.number] !== number || words[at + field.port] !== port) return false;
    return sameWords(words, at + field.from, from, fromAt);
  }
}

/** Of all of it: two words of versions, the index, the rules, the cells. */
export function memoryBytes(rules: number): number {
  return 4 * (indexAt + (slotsPerRule + ruleWords + cellsPerRule) * rules);
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}
