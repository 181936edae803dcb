/** One generation of a session's keys: two indexes, two directions, a counter, a replay window. */
import type { PeerPrimitives } from "@fractal-punch/machine";
import {
  channelHeaderBytes,
  maxPayloadBytes,
  readSealedHeader,
  type SealedHeader,
  sealedHeaderBytes,
  tagBytes,
  writeSealedHeader,
} from "@fractal-punch/wire";
import type { TransportKeys } from "./noise.ts";
import { ReplayWindow } from "./replay-window.ts";
import { sealMs } from "./timing.ts";

export class SessionKeys {
  /** The index that packets to us carry. */
  readonly localIndex: number;
  /** The index that packets to the other end carry. */
  readonly remoteIndex: number;
  readonly createdAtMs: number;
  /** When it stops to open packets; set once newer keys are in use. */
  expiresAtMs: number = Infinity;
  readonly #keys: TransportKeys;
  readonly #primitives: PeerPrimitives;
  readonly #window = new ReplayWindow();
  #counter = 0;

  constructor(primitives: PeerPrimitives, keys: TransportKeys, localIndex: number, remoteIndex: number, now: number) {
    this.#primitives = primitives;
    this.#keys = keys;
    this.localIndex = localIndex;
    this.remoteIndex = remoteIndex;
    this.createdAtMs = now;
  }

  canSeal(now: number): boolean {
    return now - this.createdAtMs < sealMs;
  }

  /** A sealed packet behind four bytes of room for a channel's header; a new array. */
  seal(frame: Uint8Array): Uint8Array {
    const start = channelHeaderBytes + sealedHeaderBytes;
    const bytes = new Uint8Array(start + frame.length + tagBytes);
    const header = bytes.subarray(channelHeaderBytes, start);
    const counter = this.#counter++;
    writeSealedHeader(header, this.remoteIndex, counter);
    this.#primitives.seal(this.#keys.send, counter, header, frame, bytes.subarray(start));
    return bytes;
  }

  /** The frame inside; `undefined` when the packet is forged, replayed or too old. */
  open(bytes: Uint8Array, header: SealedHeader): Uint8Array | undefined {
    if (!this.#window.allows(header.counter)) return undefined;
    const sealed = bytes.subarray(sealedHeaderBytes);
    const frame = new Uint8Array(sealed.length - tagBytes);
    const authentic = this.#primitives.open(
      this.#keys.receive,
      header.counter,
      bytes.subarray(0, sealedHeaderBytes),
      sealed,
      frame,
    );
    if (!authentic) return undefined;
    this.#window.accept(header.counter);
    return frame;
  }
}

/** The header of a sealed packet that may be one of ours. */
export function sealedHeader(bytes: Uint8Array): SealedHeader | undefined {
  return bytes.length > maxPayloadBytes ? undefined : readSealedHeader(bytes);
}
