/** Messages as sendmmsg takes them: datagrams of one socket, destination and size each, which the kernel cuts up again. */
import { addressWords } from "@fractal-punch/machine";
import { type Arena, layout } from "./arena.ts";
import { ControlWriter } from "./control-writer.ts";
import type { LoneDatagram } from "./lone-datagram.ts";
import { familyOf, nameLength, writeName } from "./socket-names.ts";
import type { Pointer } from "./system-calls.ts";

export const maxMessages = 128;
/** The kernel's bound (UDP_MAX_SEGMENTS). */
export const maxSegments = 64;
const maxPieces: number = 2 * maxSegments;
/** Of a UDP datagram over IPv4, and so of all that is handed over at once. */
export const maxPayloadBytes = 65_507;
const nameSlotBytes = 32;
const controlSlotBytes = 128;

/** What an arena has to have for them. */
export const outgoingMessagesBytes: number =
  maxMessages * (layout.messageBytes + nameSlotBytes + controlSlotBytes + maxPieces * layout.pieceBytes) + 4 * 64;

/** One socket that datagrams leave by. */
export interface Sender {
  readonly fd: number;
  /** Whether the kernel may be given several datagrams as one; withdrawn when it refuses. */
  segments: boolean;
  /** Before datagrams are sent that must, or need not, stay whole; gives the system's word for why that cannot be, or nothing. */
  keepWhole(family: 4 | 6, isWhole: boolean): string | undefined;
  /** What did not fit into the system's buffer. */
  wait(datagram: LoneDatagram): void;
  /** A datagram was refused with the system's word, and is lost. */
  failed(code: string): void;
}

/** Besides where it goes. */
export interface Manner {
  readonly ecn: number;
  /** 0 for the usual. */
  readonly ttl: number;
  /** It must not be fragmented. */
  readonly isWhole: boolean;
  /** As address words; the first is 0 for the system's choice. */
  readonly local: Uint32Array;
}

export class OutgoingMessages {
  count = 0;
  readonly senders: Sender[] = [];
  readonly pointers: Pointer[] = [];
  readonly #arena: Arena;
  readonly #control: ControlWriter;
  readonly #messages: number;
  readonly #names: number;
  readonly #controls: number;
  readonly #pieces: number;
  /** By message, as the rest. */
  readonly #to = new Uint32Array(addressWords * maxMessages);
  readonly #local = new Uint32Array(addressWords * maxMessages);
  readonly #ecn = new Uint8Array(maxMessages);
  readonly #ttl = new Uint8Array(maxMessages);
  readonly #isWhole = new Uint8Array(maxMessages);
  readonly #pieceCount = new Uint32Array(maxMessages);
  /** Where its last piece ends, in the arena. */
  readonly #pieceEnd = new Uint32Array(maxMessages);
  readonly #segmentBytes = new Uint32Array(maxMessages);
  readonly #segmentCount = new Uint32Array(maxMessages);
  readonly #totalBytes = new Uint32Array(maxMessages);
  /** Its last datagram was a shorter one, after which there can be none. */
  readonly #isClosed = new Uint8Array(maxMessages);

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#control = new ControlWriter(arena);
    this.#messages = arena.reserve(maxMessages * layout.messageBytes);
    this.#names = arena.reserve(maxMessages * nameSlotBytes);
    this.#controls = arena.reserve(maxMessages * controlSlotBytes);
    this.#pieces = arena.reserve(maxMessages * maxPieces * layout.pieceBytes);
    for (let i = 0; i < maxMessages; i++) {
      const message = this.#messages + i * layout.messageBytes;
      this.pointers.push(arena.pointer(message));
      arena.writePointer(message + layout.name, this.#names + i * nameSlotBytes);
      arena.writePointer(message + layout.pieces, this.#pieces + i * maxPieces * layout.pieceBytes);
      arena.writePointer(message + layout.control, this.#controls + i * controlSlotBytes);
    }
  }

  familyOf(message: number): 4 | 6 {
    return familyOf(this.#to, addressWords * message);
  }

  isWhole(message: number): boolean {
    return this.#isWhole[message] !== 0;
  }

  segmentCount(message: number): number {
    return this.#segmentCount[message] ?? 0;
  }

  /** Whether datagrams for there, sent in that manner, are its. */
  isAlike(message: number, sender: Sender, to: Uint32Array, toAt: number, manner: Manner): boolean {
    const at = addressWords * message;
    if (this.senders[message] !== sender) return false;
    if (this.#to[at] !== to[toAt] || this.#to[at + 1] !== to[toAt + 1]) return false;
    if (this.#ecn[message] !== manner.ecn || this.#ttl[message] !== manner.ttl) return false;
    for (let i = 2; i < addressWords; i++) if (this.#to[at + i] !== to[toAt + i]) return false;
    for (let i = 0; i < addressWords; i++) if (this.#local[at + i] !== manner.local[i]) return false;
    return true;
  }

  /** For one more of that length. */
  hasRoom(message: number, length: number): boolean {
    const segmentBytes = this.#segmentBytes[message] ?? 0;
    return (
      this.senders[message]?.segments === true &&
      this.#isClosed[message] === 0 &&
      length > 0 &&
      length <= segmentBytes &&
      (this.#segmentCount[message] ?? 0) < maxSegments &&
      (this.#totalBytes[message] ?? 0) + length <= maxPayloadBytes
    );
  }

  /** A new one without datagrams. */
  open(sender: Sender, to: Uint32Array, toAt: number, manner: Manner): number {
    const message = this.count++;
    const at = addressWords * message;
    this.senders[message] = sender;
    for (let i = 0; i < addressWords; i++) {
      this.#to[at + i] = to[toAt + i] ?? 0;
      this.#local[at + i] = manner.local[i] ?? 0;
    }
    this.#ecn[message] = manner.ecn;
    this.#ttl[message] = manner.ttl;
    this.#isWhole[message] = manner.isWhole ? 1 : 0;
    this.#pieceCount[message] = 0;
    this.#pieceEnd[message] = 0;
    this.#segmentBytes[message] = 0;
    this.#segmentCount[message] = 0;
    this.#totalBytes[message] = 0;
    this.#isClosed[message] = 0;
    return message;
  }

  /** Bytes of the arena, behind those that the message has. */
  addPiece(message: number, start: number, length: number): void {
    const { u32 } = this.#arena;
    const count = this.#pieceCount[message] ?? 0;
    const pieces = this.#pieces + message * maxPieces * layout.pieceBytes;
    if (count > 0 && this.#pieceEnd[message] === start) {
      const sizeAt = (pieces + (count - 1) * layout.pieceBytes + 8) >> 2;
      u32[sizeAt] = (u32[sizeAt] ?? 0) + length;
    } else {
      const piece = pieces + count * layout.pieceBytes;
      this.#arena.writePointer(piece, start);
      this.#arena.writeSize(piece + 8, length);
      this.#pieceCount[message] = count + 1;
    }
    this.#pieceEnd[message] = start + length;
  }

  /** The last pieces are a datagram of that length. */
  addSegment(message: number, length: number): void {
    if (this.#segmentCount[message] === 0) this.#segmentBytes[message] = length;
    else if (length < (this.#segmentBytes[message] ?? 0)) this.#isClosed[message] = 1;
    this.#segmentCount[message] = (this.#segmentCount[message] ?? 0) + 1;
    this.#totalBytes[message] = (this.#totalBytes[message] ?? 0) + length;
  }

  /** Before it is sent, and before it is split. */
  writeHead(message: number): void {
    const { u32 } = this.#arena;
    const head = (this.#messages + message * layout.messageBytes) >> 2;
    const at = addressWords * message;
    writeName(u32, (this.#names + message * nameSlotBytes) >> 2, this.#to, at);
    u32[head + (layout.nameBytes >> 2)] = nameLength(this.#to, at);
    u32[head + (layout.pieceCount >> 2)] = this.#pieceCount[message] ?? 0;
    this.#writeControl(message, this.segmentCount(message) > 1);
    u32[head + (layout.controlBytes >> 2)] = this.#control.length;
  }

  /** Its datagrams by themselves, copied; it is not to be sent itself then. */
  split(message: number): LoneDatagram[] {
    const { bytes } = this.#arena;
    const at = addressWords * message;
    const nameAt = this.#names + message * nameSlotBytes;
    const name = bytes.slice(nameAt, nameAt + nameLength(this.#to, at));
    this.#writeControl(message, false);
    const controlAt = this.#controls + message * controlSlotBytes;
    const control = bytes.slice(controlAt, controlAt + this.#control.length);
    const shared = { family: familyOf(this.#to, at), name, control, isWhole: this.isWhole(message) };
    const payload = this.#payload(message);
    const segmentBytes = this.#segmentBytes[message] ?? 0;
    return Array.from({ length: this.segmentCount(message) }, (_, i) => ({
      ...shared,
      bytes: payload.subarray(i * segmentBytes, (i + 1) * segmentBytes),
    }));
  }

  #payload(message: number): Uint8Array {
    const { bytes, u32 } = this.#arena;
    const payload = new Uint8Array(this.#totalBytes[message] ?? 0);
    let filled = 0;
    for (let i = 0; i < (this.#pieceCount[message] ?? 0); i++) {
      const piece = (this.#pieces + (message * maxPieces + i) * layout.pieceBytes) >> 2;
      const length = u32[piece + 2] ?? 0;
      const start = this.#arena.offsetOf(u32[piece] ?? 0, u32[piece + 1] ?? 0);
      payload.set(bytes.subarray(start, start + length), filled);
      filled += length;
    }
    return payload;
  }

  #writeControl(message: number, hasSegments: boolean): void {
    const at = addressWords * message;
    const family = familyOf(this.#to, at);
    const control = this.#control;
    control.begin(this.#controls + message * controlSlotBytes);
    if (hasSegments) control.segments(this.#segmentBytes[message] ?? 0);
    if (this.#ecn[message] !== 0) control.ecn(family, this.#ecn[message] ?? 0);
    if (this.#ttl[message] !== 0) control.ttl(family, this.#ttl[message] ?? 0);
    if (this.#local[at] !== 0) control.local(family, this.#local, at);
  }
}
