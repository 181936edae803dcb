/** A socket of the system's that sees with which TTL (IPv6: hop limit) each datagram comes, which no driver tells. */
import assert from "node:assert/strict";
import type { Address } from "@fractal-punch/machine";
import { bindSocket, loadSystemCalls, type Pollable, Poller, type SystemCalls } from "@fractal-punch/udp/batch";

export interface Hopped {
  /** Of its bytes. */
  readonly first: number;
  readonly hops: number;
}

/** Linux's numbers: a level, the option that asks, and the kind of control data that answers. */
const asked = { 4: { level: 0, ask: 12, kind: 2 }, 6: { level: 41, ask: 51, kind: 52 } } as const;
const udpLevel = 17;
const udpGro = 104;
/** Of struct mmsghdr, and where the rest is in the same memory. */
const header = { pieces: 16, pieceCount: 24, control: 32, controlBytes: 40, lengthBytes: 64 } as const;
const pieceAt: number = header.lengthBytes;
const controlAt = 128;
const controlRoom = 256;
const payloadAt = 512;
const payloadRoom = 2_048;
const longestMs = 5_000;

export class HopReader implements Pollable {
  readonly fd: number;
  readonly local: Address;
  readonly #calls: SystemCalls;
  readonly #poller: Poller;
  readonly #memory = new DataView(new ArrayBuffer(payloadAt + payloadRoom));
  readonly #base: bigint;
  readonly #seen: Hopped[] = [];

  /** Bound to an address, on a port of the system's choice. */
  constructor(local: Address) {
    const calls = loadSystemCalls();
    assert.ok(typeof calls !== "string");
    const bound = bindSocket(calls, { family: local.family, local, port: 0 });
    assert.ok(typeof bound !== "string");
    this.fd = bound.fd;
    this.local = bound.local;
    this.#calls = calls;
    this.#base = calls.address(new Uint8Array(this.#memory.buffer));
    // Gathered ones would have one answer for all.
    this.#set(udpLevel, udpGro, 0);
    this.#set(asked[local.family].level, asked[local.family].ask, 1);
    this.#poller = new Poller(calls);
    this.#poller.add(this);
  }

  /** Blocks until so many have come; they must have been handed to the system already. */
  read(count: number): Hopped[] {
    while (this.#seen.length < count) {
      const before = this.#seen.length;
      this.#poller.poll(longestMs);
      assert.ok(this.#seen.length > before, `${before} of ${count} datagrams came`);
    }
    return this.#seen.splice(0, count);
  }

  readable(): void {
    const memory = this.#memory;
    memory.setBigUint64(header.pieces, this.#base + BigInt(pieceAt), true);
    memory.setBigUint64(header.pieceCount, 1n, true);
    memory.setBigUint64(header.control, this.#base + BigInt(controlAt), true);
    memory.setBigUint64(header.controlBytes, BigInt(controlRoom), true);
    memory.setBigUint64(pieceAt, this.#base + BigInt(payloadAt), true);
    memory.setBigUint64(pieceAt + 8, BigInt(payloadRoom), true);
    assert.equal(this.#calls.recvmmsg(this.fd, this.#base, 1, 0, null), 1);
    this.#seen.push({ first: memory.getUint8(payloadAt), hops: this.#hops() });
  }

  writable(): void {}

  close(): void {
    this.#poller.remove(this);
    this.#calls.close(this.#poller.fd);
    this.#calls.close(this.fd);
  }

  #hops(): number {
    const { level, kind } = asked[this.local.family];
    const end = controlAt + Number(this.#memory.getBigUint64(header.controlBytes, true));
    for (let at = controlAt; at + 16 <= end; at += (this.#memory.getUint32(at, true) + 7) & ~7)
      if (this.#memory.getUint32(at + 8, true) === level && this.#memory.getUint32(at + 12, true) === kind)
        return this.#memory.getInt32(at + 16, true);
    assert.fail("the system did not say with which TTL it came");
  }

  #set(level: number, option: number, value: number): void {
    const bytes = new Uint8Array(new Int32Array([value]).buffer);
    assert.equal(this.#calls.setsockopt(this.fd, level, option, bytes, bytes.length), 0);
  }
}
