import { type Arena, layout } from "./arena.ts";
import { errorName, type Pointer, type SystemCalls } from "./system-calls.ts";

/** A datagram by itself, copied out of its batch, with all that goes with it. */
export interface LoneDatagram {
  readonly bytes: Uint8Array;
  readonly family: 4 | 6;
  /** Where it goes, as struct sockaddr. */
  readonly name: Uint8Array;
  /** The rest of how it goes, as control data. */
  readonly control: Uint8Array;
  /** It must not be fragmented. */
  readonly isWhole: boolean;
}

const nameAt: number = layout.messageBytes + layout.pieceBytes;
const controlAt: number = nameAt + 32;
const bytesAt: number = controlAt + 128;
/** What an arena has to have for one. */
export const loneDatagramBytes: number = bytesAt + 65_536;

const dontWait = 0x40;
const noSignal = 0x4000;

/** Where datagrams are sent from that go one by one. */
export class LoneDatagrams {
  readonly #calls: SystemCalls;
  readonly #arena: Arena;
  readonly #message: number;
  readonly #pointer: Pointer;

  constructor(calls: SystemCalls, arena: Arena) {
    this.#calls = calls;
    this.#arena = arena;
    this.#message = arena.reserve(loneDatagramBytes);
    this.#pointer = arena.pointer(this.#message);
    const piece = this.#message + layout.messageBytes;
    arena.writePointer(this.#message + layout.name, this.#message + nameAt);
    arena.writePointer(this.#message + layout.pieces, piece);
    arena.writeSize(this.#message + layout.pieceCount, 1);
    arena.writePointer(this.#message + layout.control, this.#message + controlAt);
    arena.writePointer(piece, this.#message + bytesAt);
  }

  /** The system's word for why it does not take it, or nothing. */
  send(fd: number, { bytes, name, control }: LoneDatagram): string | undefined {
    const arena = this.#arena;
    const message = this.#message;
    arena.bytes.set(name, message + nameAt);
    arena.bytes.set(control, message + controlAt);
    arena.bytes.set(bytes, message + bytesAt);
    arena.u32[(message + layout.nameBytes) >> 2] = name.length;
    arena.writeSize(message + layout.controlBytes, control.length);
    arena.writeSize(message + layout.messageBytes + 8, bytes.length);
    const sent = this.#calls.sendmsg(fd, this.#pointer, dontWait | noSignal);
    return sent < 0 ? errorName(this.#calls.error()) : undefined;
  }
}
