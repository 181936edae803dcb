import { type Arena, layout } from "./arena.ts";
import { swap32 } from "./socket-names.ts";
import { level, option } from "./socket-options.ts";

/** Writes the control data of one message after the other (cmsg(3)). */
export class ControlWriter {
  readonly #arena: Arena;
  #start = 0;
  #at = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  begin(at: number): void {
    this.#start = at;
    this.#at = at;
  }

  /** Of all since `begin`. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** The message is datagrams of that size, of which the last may be shorter. */
  segments(bytes: number): void {
    this.#arena.u16[this.#head(level.udp, option.udpSegment, 2) >> 1] = bytes;
  }

  ecn(family: 4 | 6, value: number): void {
    const data =
      family === 4 ? this.#head(level.ip, option.ipTos, 4) : this.#head(level.ip6, option.ip6TrafficClass, 4);
    this.#arena.u32[data >> 2] = value;
  }

  ttl(family: 4 | 6, value: number): void {
    const data = family === 4 ? this.#head(level.ip, option.ipTtl, 4) : this.#head(level.ip6, option.ip6HopLimit, 4);
    this.#arena.u32[data >> 2] = value;
  }

  /** The local address to send from, in address words. */
  local(family: 4 | 6, words: Uint32Array, at: number): void {
    const { u32 } = this.#arena;
    if (family === 4) {
      const data = this.#head(level.ip, option.ipPacketInfo, 12) >> 2;
      u32[data] = 0;
      u32[data + 1] = swap32(words[at + 1] ?? 0);
      u32[data + 2] = 0;
      return;
    }
    const data = this.#head(level.ip6, option.ip6PacketInfo, 20) >> 2;
    for (let i = 0; i < 4; i++) u32[data + i] = swap32(words[at + 1 + i] ?? 0);
    u32[data + 4] = 0;
  }

  /** Gives where the data go. */
  #head(ofLevel: number, type: number, dataBytes: number): number {
    const { u32 } = this.#arena;
    const head = this.#at >> 2;
    const data = this.#at + layout.controlHeadBytes;
    u32[head] = layout.controlHeadBytes + dataBytes;
    u32[head + 1] = 0;
    u32[head + 2] = ofLevel;
    u32[head + 3] = type;
    this.#at = data + ((dataBytes + 7) & ~7);
    return data;
  }
}
