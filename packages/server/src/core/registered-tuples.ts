/**
 * The 5-tuples on which hosts are registered by UDP, as rows: most hosts are idle, and nothing else is known of theirs.
 * Several hosts may share one.
 */
import {
  type Address,
  type Address6,
  type AddressKey,
  addressKey,
  type PortId,
  type SendOptions,
} from "@fractal-punch/machine";
import type { HalfSipHash } from "./half-sip-hash.ts";
import { RowTable } from "./row-table.ts";

// The key: the server's port, the far one, the address. That of IPv4 stands as IPv4-mapped IPv6, which none of IPv6 is.
const keyWords = 6;
const ipWord = 2;
const ip4Mark = 0xffff;
const hostsWord = 6;
const localWord = 7;
const rowWords = 8;

/** More addresses of its own than this a server does not have; from one beyond, the system chooses what it sends from. */
const maxLocals = 65_536;

export class RegisteredTuples {
  readonly #table: RowTable;
  readonly #key = new Uint32Array(keyWords);
  /** By number, from 1 on. */
  readonly #locals: (SendOptions | undefined)[] = [undefined];
  readonly #localNumbers = new Map<AddressKey, number>();

  constructor(hash: HalfSipHash) {
    this.#table = new RowTable(hash, keyWords, rowWords);
  }

  get size(): number {
    return this.#table.size;
  }

  /** The row; 0 when there is none. */
  find(port: PortId, address: Address): number {
    this.#writeKey(port, address);
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
    this.#writeKey(port, address);
    return this.#table.rows.startsWith(row, this.#key);
  }

  /** How many are registered there. */
  hosts(row: number): number {
    return this.#table.rows.word(row, hostsWord);
  }

  port(row: number): PortId {
    return this.#table.rows.word(row, 0);
  }

  address(row: number): Address {
    const { rows } = this.#table;
    const port = rows.word(row, 1);
    const isIp4 = rows.word(row, 2) === 0 && rows.word(row, 3) === 0 && rows.word(row, 4) === ip4Mark;
    if (isIp4) return { family: 4, ip: rows.word(row, 5), port };
    const codes: number[] = [];
    for (let i = ipWord; i < keyWords; i++) {
      const word = rows.word(row, i);
      codes.push(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
    }
    return { family: 6, ip: String.fromCharCode(...codes), port };
  }

  options(row: number): SendOptions | undefined {
    return this.#locals[this.#table.rows.word(row, localWord)];
  }

  #writeKey(port: PortId, address: Address): void {
    const key = this.#key;
    key[0] = port;
    key[1] = address.port;
    if (address.family === 6) return writeIp6(key, address);
    key[2] = 0;
    key[3] = 0;
    key[4] = ip4Mark;
    key[5] = address.ip;
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

function writeIp6(key: Uint32Array, { ip }: Address6): void {
  for (let i = ipWord; i < keyWords; i++) {
    const at = 4 * (i - ipWord);
    key[i] =
      ip.charCodeAt(at) * 0x100_0000 +
      ((ip.charCodeAt(at + 1) << 16) | (ip.charCodeAt(at + 2) << 8) | ip.charCodeAt(at + 3));
  }
}
