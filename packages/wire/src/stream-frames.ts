/**
 * Cutting a byte stream, of TCP or TLS, into STUN messages and ChannelData (RFC 8489 section 6.2.2, RFC 8656 section
 * 12.5). Both tell their length in bytes 2 and 3: STUN's does not count its header of 20, ChannelData's not its header
 * of 4 and not its padding to 4.
 */
import { assert } from "@fractal-punch/machine";
import { readU16, readU32 } from "./bytes.ts";
import { channelHeaderBytes, channelPaddingBytes } from "./channel-data.ts";
import { datagramKind } from "./demux.ts";
import { headerBytes } from "./message.ts";
import { magicCookie } from "./numbers.ts";

/** Why a stream has to end: behind such bytes nobody can tell where the next message begins. */
export type StreamFault = "not-a-message" | "too-long";

/**
 * The longest message that is taken, with header and padding. The RFCs allow 64 kB; but what is relayed leaves as one
 * datagram, which would travel in a dozen fragments, and each message that is not whole holds memory for a stranger.
 */
export const maxStreamMessageBytes = 16_384;

const leastHeldBytes = 64;
const none = new Uint8Array(0);

export class StreamFrames {
  /** A message that announces more than this is "too-long". May be changed between messages. */
  longestBytes: number;
  #piece: Uint8Array = none;
  /** Where in the piece the next message goes on. */
  #at = 0;
  /** The beginning of a message that came in more than one piece. It grows with what came, not with what was announced. */
  #held: Uint8Array = none;
  #heldBytes = 0;
  #fault: StreamFault | undefined;

  constructor(longestBytes: number = maxStreamMessageBytes) {
    this.longestBytes = longestBytes;
  }

  /** Takes the next piece of the stream, of any size, once `next` has given `undefined` or a fault. */
  push(piece: Uint8Array): void {
    assert(this.#at === this.#piece.length || this.#fault !== undefined, "a piece is used up before the next");
    this.#piece = piece;
    this.#at = 0;
  }

  /**
   * The next message, without padding; `undefined` when it is not whole yet; a fault, for ever, when there is none. A
   * message is a view of the piece in hand, if that holds it whole, and valid as long as the piece is.
   */
  next(): Uint8Array | StreamFault | undefined {
    if (this.#fault !== undefined) return this.#fault;
    return this.#heldBytes === 0 ? this.#fromPiece() : this.#fromHeld();
  }

  /** How much of a message is there that is not whole yet: above 0 the far end is in the middle of one. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** What of the piece in hand is behind the last message, where no other follows. A view, as a message is. */
  rest(): Uint8Array {
    const rest = this.#piece.subarray(this.#at);
    this.#wait();
    return rest;
  }

  #fromPiece(): Uint8Array | StreamFault | undefined {
    const rest = this.#piece.subarray(this.#at);
    const wanted = this.#wanted(rest);
    if (typeof wanted === "string") return this.#end(wanted);
    if (rest.length < wanted) {
      this.#hold(wanted);
      return this.#wait();
    }
    this.#at += wanted;
    return unpadded(rest, wanted);
  }

  #fromHeld(): Uint8Array | StreamFault | undefined {
    for (;;) {
      const held = this.#held.subarray(0, this.#heldBytes);
      const wanted = this.#wanted(held);
      if (typeof wanted === "string") return this.#end(wanted);
      if (held.length >= wanted) {
        this.#release();
        return unpadded(held, wanted);
      }
      if (this.#at === this.#piece.length) return this.#wait();
      this.#hold(wanted);
    }
  }

  #wanted(bytes: Uint8Array): number | StreamFault {
    const wanted = wantedBytes(bytes);
    return typeof wanted === "number" && wanted > this.longestBytes ? "too-long" : wanted;
  }

  /** Moves bytes from the piece to what is held, until that has as many as are wanted. */
  #hold(wanted: number): void {
    const part = this.#piece.subarray(this.#at, this.#at + wanted - this.#heldBytes);
    const length = this.#heldBytes + part.length;
    if (length > this.#held.length) {
      const larger = new Uint8Array(Math.max(length, leastHeldBytes, Math.min(2 * length, wanted)));
      larger.set(this.#held);
      this.#held = larger;
    }
    this.#held.set(part, this.#heldBytes);
    this.#heldBytes = length;
    this.#at += part.length;
  }

  #wait(): undefined {
    this.#piece = none;
    this.#at = 0;
  }

  #release(): void {
    this.#held = none;
    this.#heldBytes = 0;
  }

  #end(fault: StreamFault): StreamFault {
    this.#fault = fault;
    this.#wait();
    this.#release();
    return fault;
  }
}

/** How long the message is that begins with these bytes, or how many of it are needed to tell. */
function wantedBytes(bytes: Uint8Array): number | StreamFault {
  if (bytes.length === 0) return channelHeaderBytes;
  if (isChannelData(bytes)) return wantedOfChannelData(bytes);
  return datagramKind(bytes) === "stun" ? wantedOfStun(bytes) : "not-a-message";
}

/** Up to 0x7FFF: clients of RFC 5766 choose such numbers, and nothing else on a stream begins with the bits 01. */
function isChannelData(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0) >> 6 === 1;
}

function wantedOfStun(bytes: Uint8Array): number | StreamFault {
  if (bytes.length < 8) return 8;
  const length = readU16(bytes, 2);
  if (readU32(bytes, 4) !== magicCookie || length % 4 !== 0) return "not-a-message";
  return length + headerBytes;
}

function wantedOfChannelData(bytes: Uint8Array): number | StreamFault {
  if (bytes.length < channelHeaderBytes) return channelHeaderBytes;
  const length = readU16(bytes, 2);
  return channelHeaderBytes + length + channelPaddingBytes(length);
}

function unpadded(bytes: Uint8Array, wanted: number): Uint8Array {
  return bytes.subarray(0, isChannelData(bytes) ? channelHeaderBytes + readU16(bytes, 2) : wanted);
}
