/**
 * What waits for sendmmsg: datagrams gathered into messages, of one socket, destination and size each, which the kernel
 * cuts up again (UDP_SEGMENT). A datagram is a piece of the arena, or two.
 */
import { type Arena, layout } from "./arena.ts";
import { ControlWriter } from "./control-writer.ts";
import { familyOf, nameLength, swap32, writeName } from "./socket-names.ts";
import { errorName, type Pointer, type SystemCalls } from "./system-calls.ts";

const maxMessages = 128;
/** The kernel's bound (UDP_MAX_SEGMENTS). */
const maxSegments = 64;
const maxPieces: number = 2 * maxSegments;
/** Of a UDP datagram over IPv4, and so of all that is handed over at once. */
const maxPayloadBytes = 65_507;
/** How far back a message for the same destination is looked for. */
const maxLookBack = 8;
const copyBytes = 262_144;
const nameSlotBytes = 32;
const controlSlotBytes = 128;
const headBytes = 4;
/** Every path takes segments of this size, and none of them is the reason of a refusal. */
const surelyTakenBytes = 1_232;

/** What an arena has to have for one. */
export const sendBatchBytes: number =
  maxMessages *
    (layout.messageBytes + nameSlotBytes + controlSlotBytes + maxPieces * layout.pieceBytes + maxSegments * headBytes) +
  copyBytes +
  6 * 64;

const dontWait = 0x40;
const noSignal = 0x4000;

/** One socket that datagrams leave by. */
export interface Sender {
  readonly fd: number;
  /** Whether the kernel may be given several datagrams as one; withdrawn when it refuses. */
  segments: boolean;
  /** Before datagrams are sent that must, or need not, stay whole; gives the system's word for why that cannot be, or nothing. */
  keepWhole(family: 4 | 6, isWhole: boolean): string | undefined;
  /** What did not fit into the system's buffer, of one datagram each. `name` is a struct sockaddr. */
  wait(bytes: Uint8Array, name: Uint8Array): void;
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

export class SendBatch {
  readonly #calls: SystemCalls;
  readonly #arena: Arena;
  readonly #control: ControlWriter;
  readonly #messages: number;
  readonly #pointers: Pointer[] = [];
  readonly #names: number;
  readonly #controls: number;
  readonly #pieces: number;
  readonly #heads: number;
  readonly #copies: number;
  #copied = 0;
  #count = 0;
  /** By message, as the rest. */
  readonly #senders: Sender[] = [];
  readonly #to = new Uint32Array(5 * maxMessages);
  readonly #local = new Uint32Array(5 * maxMessages);
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

  constructor(calls: SystemCalls, arena: Arena) {
    this.#calls = calls;
    this.#arena = arena;
    this.#control = new ControlWriter(arena);
    this.#messages = arena.reserve(maxMessages * layout.messageBytes);
    this.#names = arena.reserve(maxMessages * nameSlotBytes);
    this.#controls = arena.reserve(maxMessages * controlSlotBytes);
    this.#pieces = arena.reserve(maxMessages * maxPieces * layout.pieceBytes);
    this.#heads = arena.reserve(maxMessages * maxSegments * headBytes);
    this.#copies = arena.reserve(copyBytes);
    for (let i = 0; i < maxMessages; i++) {
      const message = this.#messages + i * layout.messageBytes;
      this.#pointers.push(arena.pointer(message));
      arena.writePointer(message + layout.name, this.#names + i * nameSlotBytes);
      arena.writePointer(message + layout.pieces, this.#pieces + i * maxPieces * layout.pieceBytes);
      arena.writePointer(message + layout.control, this.#controls + i * controlSlotBytes);
    }
  }

  /** Takes `head` and `rest` as one datagram; both are copied. */
  copy(sender: Sender, to: Uint32Array, toAt: number, manner: Manner, head: Uint8Array, rest?: Uint8Array): void {
    const length = head.length + (rest?.length ?? 0);
    if (length > maxPayloadBytes) return sender.failed("EMSGSIZE");
    if (this.#copied + length > copyBytes) this.flush();
    const message = this.#messageFor(sender, to, toAt, manner, length);
    const start = this.#copies + this.#copied;
    this.#arena.bytes.set(head, start);
    if (rest !== undefined) this.#arena.bytes.set(rest, start + head.length);
    this.#copied += length;
    this.#addPiece(message, start, length);
    this.#addSegment(message, length);
  }

  /** Takes bytes of the arena as a datagram; they must stay as they are until `flush`. */
  pass(sender: Sender, to: Uint32Array, toAt: number, manner: Manner, start: number, end: number): void {
    const message = this.#messageFor(sender, to, toAt, manner, end - start);
    this.#addPiece(message, start, end - start);
    this.#addSegment(message, end - start);
  }

  /** The same, behind four bytes of a head, the first of which is the number's highest. */
  passBehind(
    sender: Sender,
    to: Uint32Array,
    toAt: number,
    manner: Manner,
    head: number,
    start: number,
    end: number,
  ): void {
    const length = headBytes + end - start;
    const message = this.#messageFor(sender, to, toAt, manner, length);
    const segment = this.#segmentCount[message] ?? 0;
    const headAt = this.#heads + (message * maxSegments + segment) * headBytes;
    this.#arena.u32[headAt >> 2] = swap32(head);
    this.#addPiece(message, headAt, headBytes);
    this.#addPiece(message, start, end - start);
    this.#addSegment(message, length);
  }

  /** Hands all over to the system. What the system refuses is counted, and what it has no room for waits at its sender. */
  flush(): void {
    let first = 0;
    const count = this.#count;
    while (first < count) {
      const sender = this.#senders[first];
      let end = first + 1;
      while (end < count && this.#senders[end] === sender && this.#isWhole[end] === this.#isWhole[first]) end++;
      if (sender !== undefined) this.#send(sender, first, end);
      first = end;
    }
    this.#count = 0;
    this.#copied = 0;
  }

  #messageFor(sender: Sender, to: Uint32Array, toAt: number, manner: Manner, length: number): number {
    const newest = this.#count - 1;
    const oldest = Math.max(newest - maxLookBack + 1, 0);
    for (let message = newest; message >= oldest; message--) {
      if (!this.#isAlike(message, sender, to, toAt, manner)) continue;
      // An older one would be overtaken by it.
      if ((this.#isWhole[message] !== 0) === manner.isWhole && this.#hasRoom(message, length)) return message;
      break;
    }
    if (this.#count === maxMessages) this.flush();
    return this.#open(sender, to, toAt, manner);
  }

  #isAlike(message: number, sender: Sender, to: Uint32Array, toAt: number, manner: Manner): boolean {
    const at = 5 * message;
    if (this.#senders[message] !== sender) return false;
    if (this.#to[at] !== to[toAt] || this.#to[at + 1] !== to[toAt + 1]) return false;
    if (this.#ecn[message] !== manner.ecn || this.#ttl[message] !== manner.ttl) return false;
    for (let i = 2; i < 5; i++) if (this.#to[at + i] !== to[toAt + i]) return false;
    for (let i = 0; i < 5; i++) if (this.#local[at + i] !== manner.local[i]) return false;
    return true;
  }

  #hasRoom(message: number, length: number): boolean {
    const segmentBytes = this.#segmentBytes[message] ?? 0;
    return (
      this.#senders[message]?.segments === true &&
      this.#isClosed[message] === 0 &&
      length > 0 &&
      length <= segmentBytes &&
      (this.#segmentCount[message] ?? 0) < maxSegments &&
      (this.#totalBytes[message] ?? 0) + length <= maxPayloadBytes
    );
  }

  #open(sender: Sender, to: Uint32Array, toAt: number, manner: Manner): number {
    const message = this.#count++;
    const at = 5 * message;
    this.#senders[message] = sender;
    for (let i = 0; i < 5; i++) {
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

  #addPiece(message: number, start: number, length: number): void {
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

  #addSegment(message: number, length: number): void {
    if (this.#segmentCount[message] === 0) this.#segmentBytes[message] = length;
    else if (length < (this.#segmentBytes[message] ?? 0)) this.#isClosed[message] = 1;
    this.#segmentCount[message] = (this.#segmentCount[message] ?? 0) + 1;
    this.#totalBytes[message] = (this.#totalBytes[message] ?? 0) + length;
  }

  #send(sender: Sender, start: number, end: number): void {
    const fault = sender.keepWhole(familyOf(this.#to, 5 * start), this.#isWhole[start] !== 0);
    if (fault !== undefined) {
      for (let message = start; message < end; message++) this.#split(message, () => sender.failed(fault));
      return;
    }
    for (let message = start; message < end; message++) this.#writeHead(message);
    let first = start;
    while (first < end) {
      const pointer = this.#pointers[first];
      if (pointer === undefined) return;
      const sent = this.#calls.sendmmsg(sender.fd, pointer, end - first, dontWait | noSignal);
      if (sent > 0) {
        first += sent;
        continue;
      }
      const code = errorName(this.#calls.error());
      if (code === "EINTR") continue;
      if (sent === 0 || code === "EAGAIN") {
        for (; first < end; first++) this.#split(first, (bytes, name) => sender.wait(bytes, name));
        return;
      }
      // Told once of each ICMP error, on a connected socket, and of an earlier datagram.
      if (code === "ECONNREFUSED") {
        sender.failed(code);
        continue;
      }
      this.#refused(sender, first, code);
      first++;
    }
  }

  /** What is refused as several datagrams may pass one by one: where a path or a device takes no segments. */
  #refused(sender: Sender, message: number, code: string): void {
    if ((this.#segmentCount[message] ?? 0) < 2) return sender.failed(code);
    // Of other refusals (no route, no memory, a firewall) segments are not the reason, nor is their number where each is too large.
    const isTooLarge = code === "EINVAL" && (this.#segmentBytes[message] ?? 0) > surelyTakenBytes;
    if ((code === "EIO" || code === "EINVAL") && !isTooLarge) sender.segments = false;
    this.#split(message, (bytes, name) => {
      const sent = this.#calls.sendto(sender.fd, bytes, bytes.length, dontWait | noSignal, name, name.length);
      if (sent >= 0) return;
      const failure = errorName(this.#calls.error());
      if (failure === "EAGAIN") sender.wait(bytes, name);
      else sender.failed(failure);
    });
  }

  #split(message: number, take: (bytes: Uint8Array, name: Uint8Array) => void): void {
    const { bytes, u32 } = this.#arena;
    const nameAt = this.#names + message * nameSlotBytes;
    const name = bytes.slice(nameAt, nameAt + nameLength(this.#to, 5 * message));
    const whole = new Uint8Array(this.#totalBytes[message] ?? 0);
    let filled = 0;
    for (let i = 0; i < (this.#pieceCount[message] ?? 0); i++) {
      const piece = (this.#pieces + (message * maxPieces + i) * layout.pieceBytes) >> 2;
      const length = u32[piece + 2] ?? 0;
      const start = this.#arena.offsetOf(u32[piece] ?? 0, u32[piece + 1] ?? 0);
      whole.set(bytes.subarray(start, start + length), filled);
      filled += length;
    }
    const segmentBytes = this.#segmentBytes[message] ?? 0;
    for (let i = 0; i < (this.#segmentCount[message] ?? 0); i++)
      take(whole.subarray(i * segmentBytes, (i + 1) * segmentBytes), name);
  }

  #writeHead(message: number): void {
    const { u32 } = this.#arena;
    const head = (this.#messages + message * layout.messageBytes) >> 2;
    const at = 5 * message;
    const family = familyOf(this.#to, at);
    writeName(u32, (this.#names + message * nameSlotBytes) >> 2, this.#to, at);
    u32[head + (layout.nameBytes >> 2)] = nameLength(this.#to, at);
    u32[head + (layout.pieceCount >> 2)] = this.#pieceCount[message] ?? 0;
    const control = this.#control;
    control.begin(this.#controls + message * controlSlotBytes);
    if ((this.#segmentCount[message] ?? 0) > 1) control.segments(this.#segmentBytes[message] ?? 0);
    if (this.#ecn[message] !== 0) control.ecn(family, this.#ecn[message] ?? 0);
    if (this.#ttl[message] !== 0) control.ttl(family, this.#ttl[message] ?? 0);
    if (this.#local[at] !== 0) control.local(family, this.#local, at);
    u32[head + (layout.controlBytes >> 2)] = control.length;
  }
}
