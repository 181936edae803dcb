/** One way of datagrams, from a socket of the load to another of it: how they are made, and which of them came. */

import { type Line, plainManner } from "./line.ts";
import type { LineIo } from "./line-io.ts";

/** Which lane, which datagram of it, and when it was sent; a transaction id of STUN is as long. */
export const stampBytes = 12;

export interface Path {
  readonly from: Line;
  /** Address words. */
  readonly to: Uint32Array;
  /** What goes before the stamp, in 32-bit words: ChannelData's header, or the start of STUN's. */
  readonly head: readonly number[];
  /** Of a whole datagram that is sent. */
  readonly bytes: number;
  readonly into: Line;
  /** Where the stamp is in what arrives. */
  readonly stampAt: number;
}

export class Lane {
  readonly path: Path;
  readonly number: number;
  /** Sequence numbers: of the next to be sent, and of the next behind the last that came. */
  sent: number = 0;
  arrived: number = 0;

  constructor(number: number, path: Path) {
    this.number = number;
    this.path = path;
  }

  /** So many datagrams, which are one for the system where the socket gathers. */
  send(io: LineIo, count: number, ticks: number): void {
    const { from, to, bytes } = this.path;
    const start = io.room(count * bytes);
    for (let i = 0; i < count; i++) {
      const at = start + i * bytes;
      this.#write(io.view, at, ticks);
      io.outgoing.pass(from, to, 0, plainManner, at, at + bytes);
    }
  }

  #write(view: DataView, datagram: number, ticks: number): void {
    let at = datagram;
    for (const word of this.path.head) {
      view.setUint32(at, word);
      at += 4;
    }
    view.setUint32(at, this.number);
    view.setUint32(at + 4, this.sent++);
    view.setUint32(at + 8, ticks);
  }
}
