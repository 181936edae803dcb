/**
 * Legs of registrations, one for each address family: where the host is reached, and until when. They lie in the rows of
 * their hosts. All live equally long, so those that live are in line, in the order of their last refresh: each step costs
 * the same however many there are.
 */
import type { Rows } from "./rows.ts";

/** Twice the row of the host, and one more for IPv6; 0 is none. */
export type Leg = number;

/** `lapsed`: it still has its sequence number. */
export type LegState = "absent" | "lapsed" | "udp" | "stream";

const states: readonly LegState[] = ["absent", "lapsed", "udp", "stream"];
const firstLive = states.indexOf("udp");

export const legWords = 8;
const sequenceAt = 0;
const endsAtAt = 2;
const tupleAt = 4;
const olderAt = 5;
const newerAt = 6;
const stateAt = 7;

export function legOf(row: number, family: 4 | 6): Leg {
  return 2 * row + (family === 6 ? 1 : 0);
}

export function familyOf(leg: Leg): 4 | 6 {
  return (leg & 1) === 0 ? 4 : 6;
}

export function rowOf(leg: Leg): number {
  return leg >>> 1;
}

export class Legs {
  readonly #rows: Rows;
  readonly #start: number;
  #oldest: Leg = 0;
  #newest: Leg = 0;

  /** `start`: where in a row its two legs begin. */
  constructor(rows: Rows, start: number) {
    this.#rows = rows;
    this.#start = start;
  }

  /** When the first of them lapses; `Infinity` when there is none. */
  get nextEnd(): number {
    return this.#oldest === 0 ? Infinity : this.endsAt(this.#oldest);
  }

  /** One whose time has come. */
  due(now: number): Leg | undefined {
    return this.nextEnd <= now ? this.#oldest : undefined;
  }

  state(leg: Leg): LegState {
    return states[this.#word(leg, stateAt)] ?? "absent";
  }

  isLive(leg: Leg): boolean {
    return this.#word(leg, stateAt) >= firstLive;
  }

  /** The highest SEQUENCE taken. */
  sequence(leg: Leg): number {
    return this.#rows.double(rowOf(leg), this.#at(leg) + sequenceAt);
  }

  setSequence(leg: Leg, sequence: number): void {
    this.#rows.setDouble(rowOf(leg), this.#at(leg) + sequenceAt, sequence);
  }

  endsAt(leg: Leg): number {
    return this.#rows.double(rowOf(leg), this.#at(leg) + endsAtAt);
  }

  /** The row of its 5-tuple (`Tuples.registered`), of a leg by UDP. */
  tuple(leg: Leg): number {
    return this.#word(leg, tupleAt);
  }

  /** It lives from now on; `tuple` is 0 for a stream. */
  place(leg: Leg, state: "udp" | "stream", tuple: number, sequence: number, endsAt: number): void {
    this.#set(leg, stateAt, states.indexOf(state));
    this.#set(leg, tupleAt, tuple);
    this.#append(leg, sequence, endsAt);
  }

  /** Its life begins anew. */
  renew(leg: Leg, sequence: number, endsAt: number): void {
    this.#takeOut(leg);
    this.#append(leg, sequence, endsAt);
  }

  lapse(leg: Leg): void {
    this.#takeOut(leg);
    this.#set(leg, stateAt, states.indexOf("lapsed"));
    this.#set(leg, tupleAt, 0);
  }

  #append(leg: Leg, sequence: number, endsAt: number): void {
    this.setSequence(leg, sequence);
    this.#rows.setDouble(rowOf(leg), this.#at(leg) + endsAtAt, endsAt);
    this.#set(leg, olderAt, this.#newest);
    this.#set(leg, newerAt, 0);
    if (this.#newest === 0) this.#oldest = leg;
    else this.#set(this.#newest, newerAt, leg);
    this.#newest = leg;
  }

  #takeOut(leg: Leg): void {
    const older = this.#word(leg, olderAt);
    const newer = this.#word(leg, newerAt);
    if (older === 0) this.#oldest = newer;
    else this.#set(older, newerAt, newer);
    if (newer === 0) this.#newest = older;
    else this.#set(newer, olderAt, older);
  }

  #word(leg: Leg, at: number): number {
    return this.#rows.word(rowOf(leg), this.#at(leg) + at);
  }

  #set(leg: Leg, at: number, value: number): void {
    this.#rows.setWord(rowOf(leg), this.#at(leg) + at, value);
  }

  #at(leg: Leg): number {
    return this.#start + (leg & 1) * legWords;
  }
}
