/**
 * The 5-tuples on which hosts are registered by UDP, as rows: most hosts are idle, and nothing else is known of theirs.
 * Several hosts may share one.
 */
import { type Address, type AddressKey, addressKey, type PortId, type SendOptions } from "@fractal-punch/machine";
import type { HalfSipHash } from "./half-sip-hash.ts";
import { RowTable } from "./row-table.ts";
import { readAddress, tupleWords, writeTuple } from "./tuple-words.ts";

// The 5-tuple; how many hosts; the number of the local address.
const hostsWord: number = tupleWords;
const localWord: number = tupleWords + 1;
const rowWords: number = tupleWords + 2;

/** More addresses of its own than this a server does not have; from one beyond, the system chooses what it sends from. */
const maxLocals = 65_536;

export class RegisteredTuples {
  readonly #table: RowTable;
  readonly #key = new Uint32Array(tupleWords);
  /** By number, from 1 on. */
  readonly #locals: (SendOptions | undefined)[] = [undefined];
  readonly #localNumbers = new Map<AddressKey, number>();

  constructor(hash: HalfSipHash) {
    this.#table = new RowTable(hash, tupleWords, rowWords);
  }

  get size(): number {
    return this.#table.size;
  }

  /** The row; 0 when there is none. */
  find(port: PortId, address: Address): number {
    writeTuple(this.#key, port, address);
    return this.#table.find(this.#key);
  }

  /** One host more. `options`: how to answer from the address that it asked. */
  add(port: PortId, address: Address, options: SendOptions | undefined): number {
    const { rows } = this.#table;
    const known = this.find(port, address);
    const row = known === 0 ? this.#table.add(this.#key) : known;
    if (known === 0) rows.setWord(row, localWord, this.#localNumber(options));
    rows.setWord(row, hostsWord, this.hosts(row) + 1);
    return row;
  }

  /** One host less; true when it was the last. */
  remove(row: number): boolean {
    const hosts = this.hosts(row) - 1;
    if (hosts === 0) this.#table.remove(row);
    else this.#table.rows.setWord(row, hostsWord, hosts);
    return hosts === 0;
  }

  /** Whether the row is that of this 5-tuple. */
  isOf(row: number, port: PortId, address: Address): boolean {
    writeTuple(this.#key, port, address);
    return this.#table.rows.holds(row, 0, this.#key);
  }

  /** How many are registered there. */
  hosts(row: number): number {
    return this.#table.rows.word(row, hostsWord);
  }

  port(row: number): PortId {
    return this.#table.rows.word(row, 0);
  }

  address(row: number): Address {
    return readAddress(this.#table.rows, row, 0);
  }

  options(row: number): SendOptions | undefined {
    return this.#locals[this.#table.rows.word(row, localWord)];
  }

  #localNumber(options: SendOptions | undefined): number {
    if (options?.local === undefined) return 0;
    const local = addressKey(options.local);
    const known = this.#localNumbers.get(local);
    if (known !== undefined) return known;
    if (this.#locals.length > maxLocals) return 0;
    this.#localNumbers.set(local, this.#locals.length);
    return this.#locals.push(options) - 1;
  }
}
