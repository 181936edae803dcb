/** What waits for sendmmsg, and what becomes of what the system does not take. A datagram is a piece of the arena, or two. */
import type { Arena } from "./arena.ts";
import { type LoneDatagram, LoneDatagrams, loneDatagramBytes } from "./lone-datagram.ts";
import {
  type Manner,
  maxMessages,
  maxPayloadBytes,
  maxSegments,
  OutgoingMessages,
  outgoingMessagesBytes,
  type Sender,
} from "./outgoing-messages.ts";
import { swap32 } from "./socket-names.ts";
import { errorName, type SystemCalls } from "./system-calls.ts";

/** How far back a message for the same destination is looked for. */
const maxLookBack = 8;
const copyBytes = 262_144;
const headBytes = 4;

/** What an arena has to have for one. */
export const sendBatchBytes: number =
  outgoingMessagesBytes + loneDatagramBytes + maxMessages * maxSegments * headBytes + copyBytes + 3 * 64;

const dontWait = 0x40;
const noSignal = 0x4000;

export class SendBatch {
  readonly #calls: SystemCalls;
  readonly #arena: Arena;
  readonly #messages: OutgoingMessages;
  readonly #alone: LoneDatagrams;
  readonly #heads: number;
  readonly #copies: number;
  #copied = 0;

  constructor(calls: SystemCalls, arena: Arena) {
    this.#calls = calls;
    this.#arena = arena;
    this.#messages = new OutgoingMessages(arena);
    this.#alone = new LoneDatagrams(calls, arena);
    this.#heads = arena.reserve(maxMessages * maxSegments * headBytes);
    this.#copies = arena.reserve(copyBytes);
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
    this.#messages.addPiece(message, start, length);
    this.#messages.addSegment(message, length);
  }

  /** Takes bytes of the arena as a datagram; they must stay as they are until `flush`. */
  pass(sender: Sender, to: Uint32Array, toAt: number, manner: Manner, start: number, end: number): void {
    const message = this.#messageFor(sender, to, toAt, manner, end - start);
    this.#messages.addPiece(message, start, end - start);
    this.#messages.addSegment(message, end - start);
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
    const segment = this.#messages.segmentCount(message);
    const headAt = this.#heads + (message * maxSegments + segment) * headBytes;
    this.#arena.u32[headAt >> 2] = swap32(head);
    this.#messages.addPiece(message, headAt, headBytes);
    this.#messages.addPiece(message, start, end - start);
    this.#messages.addSegment(message, length);
  }

  /** Hands all over to the system. What the system refuses is counted, and what it has no room for waits at its sender. */
  flush(): void {
    const messages = this.#messages;
    let first = 0;
    const { count } = messages;
    while (first < count) {
      const sender = messages.senders[first];
      const isWhole = messages.isWhole(first);
      let end = first + 1;
      while (end < count && messages.senders[end] === sender && messages.isWhole(end) === isWhole) end++;
      if (sender !== undefined) this.#send(sender, first, end);
      first = end;
    }
    messages.count = 0;
    this.#copied = 0;
  }

  /** Sends what had to wait; gives the system's word for why it does not take it, or nothing. */
  sendAlone(sender: Sender, datagram: LoneDatagram): string | undefined {
    return sender.keepWhole(datagram.family, datagram.isWhole) ?? this.#alone.send(sender.fd, datagram);
  }

  #messageFor(sender: Sender, to: Uint32Array, toAt: number, manner: Manner, length: number): number {
    const messages = this.#messages;
    const newest = messages.count - 1;
    const oldest = Math.max(newest - maxLookBack + 1, 0);
    for (let message = newest; message >= oldest; message--) {
      if (!messages.isAlike(message, sender, to, toAt, manner)) continue;
      // An older one would be overtaken by it.
      if (messages.isWhole(message) === manner.isWhole && messages.hasRoom(message, length)) return message;
      break;
    }
    if (messages.count === maxMessages) this.flush();
    return messages.open(sender, to, toAt, manner);
  }

  #send(sender: Sender, start: number, end: number): void {
    const messages = this.#messages;
    const fault = sender.keepWhole(messages.familyOf(start), messages.isWhole(start));
    for (let message = start; message < end; message++) {
      if (fault === undefined) messages.writeHead(message);
      else for (let i = messages.segmentCount(message); i > 0; i--) sender.failed(fault);
    }
    let first = fault === undefined ? start : end;
    while (first < end) {
      const pointer = messages.pointers[first];
      if (pointer === undefined) return;
      const sent = this.#calls.sendmmsg(sender.fd, pointer, end - first, dontWait | noSignal);
      if (sent > 0) {
        first += sent;
        continue;
      }
      const code = errorName(this.#calls.error());
      if (code === "EINTR") continue;
      if (sent === 0 || code === "EAGAIN") {
        for (; first < end; first++) for (const datagram of messages.split(first)) sender.wait(datagram);
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

  /**
   * What is refused as several datagrams may pass one by one. Segments that are larger than their path takes are refused with
   * EMSGSIZE, by older kernels with EINVAL: another path takes them. Only EIO says that the device does not.
   */
  #refused(sender: Sender, message: number, code: string): void {
    if (this.#messages.segmentCount(message) < 2) return sender.failed(code);
    if (code === "EIO") sender.segments = false;
    for (const datagram of this.#messages.split(message)) {
      const failure = this.sendAlone(sender, datagram);
      if (failure === "EAGAIN") sender.wait(datagram);
      else if (failure !== undefined) sender.failed(failure);
    }
  }
}
