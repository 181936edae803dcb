/** One generation of a session's keys: two indexes, two directions, a counter, a replay window. */
import type { PeerPrimitives } from "@fractal-punch/machine";
import {
  encodeFrame,
  largestPayloadBytes,
  readSealedHeader,
  type SealedHeader,
  sealedHeaderBytes,
  tagBytes,
  writeSealedHeader,
} from "@fractal-punch/wire";
import type { TransportKeys } from "./noise.ts";
import type { PacketArena } from "./packet-arena.ts";
import { ReplayWindow } from "./replay-window.ts";
import { sealMs } from "./timing.ts";

const dataKind = encodeFrame({ kind: "data", data: new Uint8Array(0) })[0] ?? 0;

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
  readonly #header = new Uint8Array(sealedHeaderBytes);
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

  /** A sealed packet behind four bytes of room for a channel's header, in the arena. */
  seal(frame: Uint8Array, arena: PacketArena): Uint8Array {
    arena.begin(frame.length).frame.set(frame);
    return this.#seal(arena);
  }

  /** The same of a frame with a datagram of the application, which is copied once. */
  sealData(data: Uint8Array, arena: PacketArena): Uint8Array {
    const { frame } = arena.begin(1 + data.length);
    frame[0] = dataKind;
    frame.set(data, 1);
    return this.#seal(arena);
  }

  /** The frame inside, opened in its place: a view; `undefined` when the packet is forged, replayed or too old. */
  open(bytes: Uint8Array, { counter }: SealedHeader): Uint8Array | undefined {
    if (!this.#window.allows(counter)) return undefined;
    const sealed = bytes.subarray(sealedHeaderBytes);
    const frame = bytes.subarray(sealedHeaderBytes, bytes.length - tagBytes);
    if (!this.#primitives.open(this.#keys.receive, counter, this.#headerOf(bytes), sealed, frame)) return undefined;
    this.#window.accept(counter);
    return frame;
  }

  /** In an array of its own: a further view of the bytes takes longer to make. */
  #headerOf(bytes: Uint8Array): Uint8Array {
    const header = this.#header;
    for (let i = 0; i < sealedHeaderBytes; i++) header[i] = bytes[i] ?? 0;
    return header;
  }

  #seal({ header, frame, sealed, packet }: PacketArena): Uint8Array {
    const counter = this.#counter++;
    writeSealedHeader(header, this.remoteIndex, counter);
    this.#primitives.seal(this.#keys.send, counter, header, frame, sealed);
    return packet;
  }
}

/** The application's datagram in a frame, a view; `undefined` when something else is. */
export function dataIn(frame: Uint8Array): Uint8Array | undefined {
  return frame[0] === dataKind ? frame.subarray(1) : undefined;
}

/** The header of a sealed packet that may be one of ours. */
export function sealedHeader(bytes: Uint8Array): SealedHeader | undefined {
  return bytes.length > largestPayloadBytes ? undefined : readSealedHeader(bytes);
}
