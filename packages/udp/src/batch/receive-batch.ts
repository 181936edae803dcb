/** What one call of recvmmsg brings: messages of one datagram, or of several of one sender and size (UDP_GRO). */
import { addressWords } from "@fractal-punch/machine";
import { type Arena, layout } from "./arena.ts";
import { nameBytes, readName, swap32 } from "./socket-names.ts";
import { level, option } from "./socket-options.ts";
import type { Pointer, SystemCalls } from "./system-calls.ts";

export const maxMessages = 64;
const fewestMessages = 4;
/** So much is to be in the processor's cache still when it is sent on; of large messages fewer are taken at once. */
const cachedBytes = 262_144;
/** The kernel's own bound is 64 or 128, by version. */
const maxSegments = 128;
const payloadBytes = 65_536;
/** Not a multiple of 4 KiB, so that the starts of payloads do not compete for the same lines of the processor's cache. */
const slotBytes: number = payloadBytes + 13 * 64;
const nameSlotBytes = 32;
const controlSlotBytes = 128;

/** What an arena has to have for one. */
export const receiveBatchBytes: number =
  maxMessages * (slotBytes + nameSlotBytes + controlSlotBytes + layout.messageBytes + layout.pieceBytes) + 5 * 64;

const dontWait = 0x40;
const controlTruncated = 0x08;

export class ReceiveBatch {
  readonly arena: Arena;
  readonly #calls: SystemCalls;
  readonly #messages: number;
  readonly #messagesPointer: Pointer;
  readonly #names: number;
  readonly #controls: number;
  readonly #payloads: number;
  /** As many as the last call used; their lengths have to be set anew. */
  #used: number = maxMessages;
  /** So many are asked for. */
  #wanted: number = maxMessages;

  /** Of the message that was read last: its sender, in address words. */
  readonly from: Uint32Array = new Uint32Array(addressWords);
  /** The address that it was sent to, without the port, where the socket has several; the first word is 0 otherwise. */
  readonly local: Uint32Array = new Uint32Array(addressWords);
  ecn: number = 0;
  /** Where its bytes are in the arena. */
  start: number = 0;
  end: number = 0;
  /** Each datagram of it is so long, only the last may be shorter. */
  segmentBytes: number = 0;

  constructor(calls: SystemCalls, arena: Arena) {
    this.#calls = calls;
    this.arena = arena;
    this.#messages = arena.reserve(maxMessages * layout.messageBytes);
    this.#messagesPointer = arena.pointer(this.#messages);
    this.#names = arena.reserve(maxMessages * nameSlotBytes);
    this.#controls = arena.reserve(maxMessages * controlSlotBytes);
    this.#payloads = arena.reserve(maxMessages * slotBytes);
    const pieces = arena.reserve(maxMessages * layout.pieceBytes);
    for (let i = 0; i < maxMessages; i++) {
      const message = this.#messages + i * layout.messageBytes;
      const piece = pieces + i * layout.pieceBytes;
      arena.writePointer(message + layout.name, this.#names + i * nameSlotBytes);
      arena.writePointer(message + layout.pieces, piece);
      arena.writeSize(message + layout.pieceCount, 1);
      arena.writePointer(message + layout.control, this.#controls + i * controlSlotBytes);
      arena.writePointer(piece, this.#payloads + i * slotBytes);
      arena.writeSize(piece + 8, payloadBytes);
    }
  }

  /** Takes what has come to the socket; how many messages, or a negative error number. */
  fill(fd: number): number {
    const { u32 } = this.arena;
    for (let i = 0; i < this.#used; i++) {
      const message = (this.#messages + i * layout.messageBytes) >> 2;
      u32[message + (layout.nameBytes >> 2)] = nameBytes;
      u32[message + (layout.controlBytes >> 2)] = controlSlotBytes;
      u32[message + (layout.flags >> 2)] = 0;
    }
    const count = this.#calls.recvmmsg(fd, this.#messagesPointer, this.#wanted, dontWait, null);
    if (count < 0) {
      this.#used = 0;
      return -this.#calls.error();
    }
    this.#used = count;
    this.#adapt(count);
    return count;
  }

  /** To the size of what comes. */
  #adapt(count: number): void {
    let bytes = 0;
    for (let i = 0; i < count; i++)
      bytes += this.arena.u32[(this.#messages + i * layout.messageBytes + layout.length) >> 2] ?? 0;
    if (bytes > cachedBytes) this.#wanted = Math.max(this.#wanted >> 1, fewestMessages);
    else if (bytes < cachedBytes >> 2) this.#wanted = Math.min(this.#wanted << 1, maxMessages);
  }

  /** Reads the heads of a message; false when its sender is none that a machine may see, or its heads were cut off. */
  read(index: number): boolean {
    const { u32 } = this.arena;
    const message = (this.#messages + index * layout.messageBytes) >> 2;
    const length = u32[message + (layout.length >> 2)] ?? 0;
    this.start = this.#payloads + index * slotBytes;
    this.end = this.start + length;
    this.segmentBytes = length;
    this.ecn = 0;
    this.local[0] = 0;
    if (((u32[message + (layout.flags >> 2)] ?? 0) & controlTruncated) !== 0) return false;
    const controlBytes = u32[message + (layout.controlBytes >> 2)] ?? 0;
    if (controlBytes > 0) this.#readControl(this.#controls + index * controlSlotBytes, controlBytes);
    // However it came about, a message takes a bounded time.
    if (this.segmentBytes * maxSegments < length) return false;
    return readName(u32, (this.#names + index * nameSlotBytes) >> 2, this.from, 0);
  }

  #readControl(at: number, lengthBytes: number): void {
    const { u32, bytes } = this.arena;
    const end = at + lengthBytes;
    let head = at;
    while (head + layout.controlHeadBytes <= end) {
      const headBytes = u32[head >> 2] ?? 0;
      if (headBytes < layout.controlHeadBytes) return;
      const data = head + layout.controlHeadBytes;
      const kind = (u32[(head >> 2) + 2] ?? 0) * 256 + (u32[(head >> 2) + 3] ?? 0);
      switch (kind) {
        case level.udp * 256 + option.udpGro:
          this.segmentBytes = u32[data >> 2] ?? 0;
          break;
        case level.ip * 256 + option.ipTos:
        case level.ip6 * 256 + option.ip6TrafficClass:
          this.ecn = (bytes[data] ?? 0) & 3;
          break;
        case level.ip * 256 + option.ipPacketInfo:
          this.local[0] = 4 * 65_536;
          // ipi_spec_dst: of a broadcast it is the interface's own address, from which can be answered.
          this.local[1] = swap32(u32[(data >> 2) + 1] ?? 0);
          this.local.fill(0, 2);
          break;
        case level.ip6 * 256 + option.ip6PacketInfo:
          this.local[0] = 6 * 65_536;
          for (let i = 0; i < 4; i++) this.local[1 + i] = swap32(u32[(data >> 2) + i] ?? 0);
          break;
      }
      head += (headBytes + 7) & ~7;
    }
  }
}
