/**
 * The forwarding plane: relays what a rule is for, and decides nothing. What no rule is for, or has no credit left for, is
 * the control plane's.
 */
import {
  addressWords,
  type Forwarder,
  type ForwardOutbox,
  type PortId,
  routeWords,
  sameWords,
} from "@fractal-punch/machine";
import { channelHeaderBytes, maxPayloadBytes } from "@fractal-punch/wire";
import { isRelayPort } from "../turn/openings.ts";
import { ForwardCounts } from "./forward-counts.ts";
import { field, indexVersionAt, noCell, noNumber, RuleMemory, ruleKind } from "./rule-memory.ts";

/** A reader that has looked so often in vain leaves the datagram to the control plane. */
const maxLooks = 1_000;
/** With the header of a channel it still fits into a datagram. */
const maxDataBytes = 65_507 - channelHeaderBytes;
const notFound = -1;
const lookAgain = -2;

/** The memory of a forwarder in another thread than the one that writes the rules. */
export interface ForwardingTask {
  readonly rules: number;
  readonly seed: number;
  readonly buffer: ArrayBufferLike;
  readonly counts: ArrayBufferLike;
}

export class RelayForwarder implements Forwarder {
  readonly counts: ForwardCounts;
  readonly #memoryOf: () => RuleMemory;
  readonly #route = new Uint32Array(routeWords);
  /** The key that was found last, and where: datagrams come in bursts. */
  readonly #from = new Uint32Array(addressWords);
  #port = -1;
  #number = -1;
  /** Not the memory itself, which it would keep from being given back. */
  #generation = -1;
  #rule = notFound;
  #version = 0;
  /** What that rule says. */
  #kind = 0;
  #outPort = 0;
  #outNumber = 0;
  #credit = 0;
  #earner = 0;
  #endsAt = 0;

  constructor(memoryOf: () => RuleMemory, counts: ForwardCounts = new ForwardCounts()) {
    this.#memoryOf = memoryOf;
    this.counts = counts;
  }

  take(
    now: number,
    port: PortId,
    from: Uint32Array,
    memory: Uint8Array,
    start: number,
    end: number,
    out: ForwardOutbox,
  ): boolean {
    const isChannelData = !isRelayPort(port);
    const length = end - start;
    let number: number = noNumber;
    let dataBytes = length;
    if (isChannelData) {
      if (length < channelHeaderBytes || (memory[start] ?? 0) >> 6 !== 1) return false;
      number = u16(memory, start);
      dataBytes = u16(memory, start + 2);
      if (channelHeaderBytes + dataBytes > length) return false;
    }
    const rules = this.#memoryOf();
    const rule = this.#look(rules, port, from, number);
    if (rule < 0 || this.#endsAt <= now) return false;
    const isSession = this.#kind === ruleKind.session;
    if (length > (isSession ? maxPayloadBytes : maxDataBytes)) return false;
    if (!this.#pay(rules, isSession ? length : dataBytes)) return false;
    rules.times[(rules.ruleAt(rule) + field.activeAt) >> 1] = now;
    this.counts.add(isChannelData, length);
    if (isSession) {
      memory[start] = this.#outNumber >> 8;
      memory[start + 1] = this.#outNumber;
      out.pass(this.#outPort, this.#route, 0, start, end);
    } else if (this.#kind === ruleKind.toPeer) {
      const data = start + channelHeaderBytes;
      out.pass(this.#outPort, this.#route, 0, data, data + dataBytes);
    } else out.passBehind(this.#outPort, this.#route, 0, this.#outNumber * 65_536 + length, start, end);
    return true;
  }

  #pay(rules: RuleMemory, bytes: number): boolean {
    const { ints } = rules;
    const at = rules.cellAt(this.#credit);
    if (Atomics.sub(ints, at, bytes) < bytes) {
      Atomics.add(ints, at, bytes);
      return false;
    }
    if (this.#earner !== noCell) Atomics.add(ints, rules.cellAt(this.#earner), bytes);
    return true;
  }

  /** The rule's number, and what it says in this object's fields; `notFound`. */
  #look(rules: RuleMemory, port: PortId, from: Uint32Array, number: number): number {
    if (this.#isSame(rules, port, from, number)) return this.#rule;
    for (let looks = 0; looks < maxLooks; looks++) {
      const version = Atomics.load(rules.ints, indexVersionAt);
      const found = this.#probe(rules, port, from, number);
      if (found >= 0) return found;
      const isSure = (version & 1) === 0 && Atomics.load(rules.ints, indexVersionAt) === version;
      if (found === notFound && isSure) return notFound;
    }
    return notFound;
  }

  #probe(rules: RuleMemory, port: PortId, from: Uint32Array, number: number): number {
    let slot = rules.firstSlot(port, from, 0, number);
    // While the index is being changed there may be no gap to end at.
    for (let steps = rules.slots; steps > 0; steps--) {
      const rule = Atomics.load(rules.ints, slot) - 1;
      if (rule < 0) return notFound;
      const at = rules.ruleAt(rule);
      const version = Atomics.load(rules.ints, at + field.version);
      if (rules.hasKey(at, port, from, 0, number)) {
        this.#read(rules, at);
        const isWhole = (version & 1) === 0 && Atomics.load(rules.ints, at + field.version) === version;
        if (!isWhole) return lookAgain;
        this.#remember(rules, rule, version, port, from, number);
        return rule;
      }
      slot = rules.nextSlot(slot);
    }
    return lookAgain;
  }

  /** Whether it is the rule that was found last, and it is as it was then. */
  #isSame(rules: RuleMemory, port: PortId, from: Uint32Array, number: number): boolean {
    if (number !== this.#number || port !== this.#port || rules.generation !== this.#generation) return false;
    if (!sameWords(this.#from, 0, from, 0)) return false;
    return Atomics.load(rules.ints, rules.ruleAt(this.#rule) + field.version) === this.#version;
  }

  #remember(rules: RuleMemory, rule: number, version: number, port: PortId, from: Uint32Array, number: number): void {
    this.#generation = rules.generation;
    this.#rule = rule;
    this.#version = version;
    this.#port = port;
    this.#number = number;
    for (let i = 0; i < addressWords; i++) this.#from[i] = from[i] ?? 0;
  }

  #read({ words, times }: RuleMemory, at: number): void {
    this.#kind = words[at + field.kind] ?? 0;
    this.#outPort = words[at + field.outPort] ?? 0;
    this.#outNumber = words[at + field.outNumber] ?? 0;
    this.#credit = words[at + field.credit] ?? 0;
    this.#earner = words[at + field.earner] ?? noCell;
    this.#endsAt = times[(at + field.endsAt) >> 1] ?? 0;
    for (let i = 0; i < routeWords; i++) this.#route[i] = words[at + field.route + i] ?? 0;
  }
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** Over memory that is shared with the thread that writes the rules. */
export function openForwarder({ rules, seed, buffer, counts }: ForwardingTask): RelayForwarder {
  const memory = new RuleMemory(rules, seed, buffer);
  return new RelayForwarder(() => memory, new ForwardCounts(counts));
}
