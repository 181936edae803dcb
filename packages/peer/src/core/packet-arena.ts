/**
 * Where a machine seals its packets, one at a time, behind room for a channel's header. A packet is valid until the next
 * one is begun: who sends it has done so by then, and who keeps it copies it.
 */
import { assert } from "@fractal-punch/machine";
import {
  channelHeaderBytes,
  largestPayloadBytes,
  sealedHeaderBytes,
  sealedOverhead,
  tagBytes,
} from "@fractal-punch/wire";

const frameStart = channelHeaderBytes + sealedHeaderBytes;
const maxFrameBytes = largestPayloadBytes - sealedOverhead;

export class PacketArena {
  readonly #bytes = new Uint8Array(channelHeaderBytes + largestPayloadBytes);
  /** The header of the sealed packet. */
  readonly header: Uint8Array = this.#bytes.subarray(channelHeaderBytes, frameStart);
  /** To be filled by whoever has begun the packet. */
  frame: Uint8Array = this.#bytes;
  /** The frame again, and room for the tag. */
  sealed: Uint8Array = this.#bytes;
  /** All of it. */
  packet: Uint8Array = this.#bytes;

  /** Views are made anew only when the length is another one: most datagrams in a row have the same. */
  begin(frameBytes: number): this {
    if (frameBytes === this.frame.length) return this;
    assert(frameBytes <= maxFrameBytes, "a frame fits its packet");
    const end = frameStart + frameBytes;
    this.frame = this.#bytes.subarray(frameStart, end);
    this.sealed = this.#bytes.subarray(frameStart, end + tagBytes);
    this.packet = this.#bytes.subarray(0, end + tagBytes);
    return this;
  }
}
