/** The control plane's side of the rules: writes them, and takes them back. */
import { type Address, addressWords, routeWords, writeAddressWords } from "@fractal-punch/machine";
import { field, indexVersionAt, memoryBytes, noCell, RuleMemory, ruleKind } from "./rule-memory.ts";

export interface Rule {
  readonly kind: keyof typeof ruleKind;
  /** Which datagrams it is for. */
  readonly port: number;
  readonly from: Address;
  /** `noNumber` for what is no ChannelData. */
  readonly number: number;
  readonly outPort: number;
  readonly to: Address;
  /** The address to send from, where the port has several. */
  readonly local?: Address | undefined;
  /** The number that it goes on under. */
  readonly outNumber: number;
  /** The cell that pays for each byte. */
  readonly credit: number;
  /** The cell that is given each byte that was paid. */
  readonly earner?: number | undefined;
  /** From then on it is for nothing. */
  readonly endsAt: number;
}

/** So many at first; the memory grows with them. */
const firstRules = 64;
/** What a cell holds at most: more is asked for again. */
const maxCredit = 0x4000_0000;

/** Numbers that are given out and taken back, the last one first, so that little memory is touched. */
class Numbers {
  readonly #free: number[] = [];
  #next = 0;

  /** How many are given out. */
  get size(): number {
    return this.#next - this.#free.length;
  }

  take(maximum: number): number | undefined {
    return this.#free.pop() ?? (this.#next < maximum ? this.#next++ : undefined);
  }

  giveBack(number: number): void {
    this.#free.push(number);
  }
}

export class Rules {
  readonly #maximum: number;
  readonly #isShared: boolean;
  #rules = new Numbers();
  #cells = new Numbers();
  #memory: RuleMemory;

  /** At most `maximum`, a power of two. With `isShared` other threads may read them; then there is room for all at once. */
  constructor(maximum: number, seed: number, isShared: boolean) {
    this.#maximum = maximum;
    this.#isShared = isShared;
    this.#memory = isShared
      ? new RuleMemory(maximum, seed, new SharedArrayBuffer(memoryBytes(maximum)))
      : new RuleMemory(Math.min(firstRules, maximum), seed);
  }

  get size(): number {
    return this.#rules.size;
  }

  /** Cells that are open. */
  get openCells(): number {
    return this.#cells.size;
  }

  /** Where they are now. Another one when they have grown, unless they are shared. */
  get memory(): RuleMemory {
    return this.#memory;
  }

  /** A cell without credit. There are two for each rule that may be, so that there is always one. */
  openCell(): number {
    let cell = this.#cells.take(this.#memory.cells);
    while (cell === undefined && this.#grow()) cell = this.#cells.take(this.#memory.cells);
    if (cell === undefined) throw new Error("more cells of credit than anything needs");
    Atomics.store(this.#memory.ints, this.#memory.cellAt(cell), 0);
    return cell;
  }

  closeCell(cell: number): void {
    this.#cells.giveBack(cell);
    this.#shrink();
  }

  creditOf(cell: number): number {
    return Atomics.load(this.#memory.ints, this.#memory.cellAt(cell));
  }

  addCredit(cell: number, bytes: number): void {
    const room = Math.max(maxCredit - this.creditOf(cell), 0);
    Atomics.add(this.#memory.ints, this.#memory.cellAt(cell), Math.min(bytes, room));
  }

  /** Takes it if it is there. */
  spend(cell: number, bytes: number): boolean {
    const at = this.#memory.cellAt(cell);
    if (Atomics.sub(this.#memory.ints, at, bytes) >= bytes) return true;
    Atomics.add(this.#memory.ints, at, bytes);
    return false;
  }

  /** Takes away all there is; gives how much that was. */
  clearCredit(cell: number): number {
    return Math.max(Atomics.exchange(this.#memory.ints, this.#memory.cellAt(cell), 0), 0);
  }

  /** From now on it is kept to; its number. `undefined` when there is no room: then the control plane does the work. */
  publish(rule: Rule): number | undefined {
    let number = this.#rules.take(this.#memory.rules);
    if (number === undefined && this.#grow()) number = this.#rules.take(this.#memory.rules);
    if (number === undefined) return undefined;
    this.#write(number, rule);
    this.#changeIndex();
    this.#index(number);
    this.#changeIndex();
    return number;
  }

  withdraw(number: number): void {
    this.#changeIndex();
    this.#unindex(number);
    this.#changeIndex();
    // A reader that has it at hand does without the index.
    Atomics.add(this.#memory.ints, this.#memory.ruleAt(number) + field.version, 2);
    this.#rules.giveBack(number);
    this.#shrink();
  }

  /** When it forwarded something last; -Infinity when it never has. */
  activeAt(number: number): number {
    return this.#memory.times[(this.#memory.ruleAt(number) + field.activeAt) >> 1] ?? -Infinity;
  }

  #write(number: number, rule: Rule): void {
    const { words, ints, times } = this.#memory;
    const at = this.#memory.ruleAt(number);
    Atomics.add(ints, at + field.version, 1);
    writeAddressWords(words, at + field.from, rule.from);
    words[at + field.port] = rule.port;
    words[at + field.number] = rule.number;
    words[at + field.outPort] = rule.outPort;
    words[at + field.kind] = ruleKind[rule.kind];
    words[at + field.outNumber] = rule.outNumber;
    words[at + field.credit] = rule.credit;
    words[at + field.earner] = rule.earner ?? noCell;
    times[(at + field.endsAt) >> 1] = rule.endsAt;
    times[(at + field.activeAt) >> 1] = -Infinity;
    words.fill(0, at + field.route, at + field.route + routeWords);
    writeAddressWords(words, at + field.route, rule.to);
    if (rule.local !== undefined) {
      writeAddressWords(words, at + field.route + addressWords, rule.local);
      // A port is the socket's business.
      words[at + field.route + addressWords] = rule.local.family * 65_536;
    }
    Atomics.add(ints, at + field.version, 1);
  }

  /** Before each change of the index and after it. */
  #changeIndex(): void {
    Atomics.add(this.#memory.ints, indexVersionAt, 1);
  }

  #index(number: number): void {
    const memory = this.#memory;
    let slot = this.#firstSlotOf(number);
    while (memory.ints[slot] !== 0) slot = memory.nextSlot(slot);
    Atomics.store(memory.ints, slot, number + 1);
  }

  /** Rules behind it move up, so that no gap ends the search for them. */
  #unindex(number: number): void {
    const memory = this.#memory;
    let gap = this.#firstSlotOf(number);
    while (memory.ints[gap] !== number + 1) gap = memory.nextSlot(gap);
    for (let slot = memory.nextSlot(gap); memory.ints[slot] !== 0; slot = memory.nextSlot(slot)) {
      const other = (memory.ints[slot] ?? 0) - 1;
      if (memory.distance(this.#firstSlotOf(other), slot) < memory.distance(gap, slot)) continue;
      Atomics.store(memory.ints, gap, other + 1);
      gap = slot;
    }
    Atomics.store(memory.ints, gap, 0);
  }

  #firstSlotOf(number: number): number {
    const { words } = this.#memory;
    const at = this.#memory.ruleAt(number);
    return this.#memory.firstSlot(words[at + field.port] ?? 0, words, at + field.from, words[at + field.number] ?? 0);
  }

  /** Once nothing is left, so is the memory that it took. */
  #shrink(): void {
    if (this.#isShared || this.#memory.rules <= firstRules || this.#rules.size > 0 || this.#cells.size > 0) return;
    this.#memory = this.#newMemory(firstRules);
    this.#rules = new Numbers();
    this.#cells = new Numbers();
  }

  #newMemory(rules: number): RuleMemory {
    const { seed, generation } = this.#memory;
    return new RuleMemory(rules, seed, new ArrayBuffer(memoryBytes(rules)), generation + 1);
  }

  #grow(): boolean {
    const old = this.#memory;
    if (this.#isShared || old.rules >= this.#maximum) return false;
    const grown = this.#newMemory(2 * old.rules);
    grown.words.set(old.words.subarray(old.ruleAt(0), old.ruleAt(old.rules)), grown.ruleAt(0));
    grown.words.set(old.words.subarray(old.cellAt(0), old.cellAt(old.cells)), grown.cellAt(0));
    this.#memory = grown;
    for (let index = 0; index < old.slots; index++) {
      const number = (old.ints[old.slotAt(index)] ?? 0) - 1;
      if (number >= 0) this.#index(number);
    }
    return true;
  }
}
