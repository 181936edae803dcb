/** One TCP connection: what it speaks, which its first four bytes tell, and how far it has come. */
import type { Address, PortId } from "@fractal-punch/machine";
import {
  concatBytes,
  datagramKind,
  maxPayloadBytes,
  maxStreamMessageBytes,
  type StreamFault,
  StreamFrames,
  startsClassicRequest,
} from "@fractal-punch/wire";
import type { Age } from "./ages.ts";
import { ClassicReader } from "./classic-reader.ts";
import type { Tally } from "./counters.ts";
import { RawReader } from "./raw-reader.ts";
import type { StreamWord } from "./streams.ts";

/** Why a stream has to end: nothing that it may say from now on could be understood. */
export type StreamEnd = StreamFault | "not-ours" | "overrun";

const firstBytes = 4;

export class Stream {
  readonly port: PortId;
  readonly from: Address;
  /** While it has a deadline. */
  age: Age<Stream> | undefined;
  /** Its first message was whole. */
  hasAsked: boolean = false;
  isOpen: boolean = true;
  /** A host is registered by it, or a client has proven itself. */
  isTrusted: boolean = false;
  #isKept = false;
  readonly #counts: Tally<StreamWord>;
  readonly #servesClassic: boolean;
  /** What came, as long as it does not tell the reader. */
  #first: Uint8Array = new Uint8Array(0);
  #reader: StreamFrames | ClassicReader | RawReader | "not-ours" | undefined;

  constructor(port: PortId, from: Address, counts: Tally<StreamWord>, servesClassic: boolean) {
    this.port = port;
    this.from = from;
    this.#counts = counts;
    this.#servesClassic = servesClassic;
  }

  /** An allocation is on it, or is being opened. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** Who has none has nothing long to say, and gets no memory for it. */
  set isKept(isKept: boolean) {
    this.#isKept = isKept;
    if (this.#reader instanceof StreamFrames)
      this.#reader.longestBytes = isKept ? maxStreamMessageBytes : maxPayloadBytes;
  }

  get isClassic(): boolean {
    return this.#reader instanceof ClassicReader;
  }

  get isRaw(): boolean {
    return this.#reader instanceof RawReader;
  }

  /** From now on it has no messages; what is behind the last one is its first piece. */
  becomeRaw(): void {
    const reader = new RawReader();
    if (this.#reader instanceof StreamFrames) reader.push(this.#reader.rest());
    this.#reader = reader;
  }

  /** How much of a message is there that is not whole yet. */
  get heldBytes(): number {
    return typeof this.#reader === "object" ? this.#reader.heldBytes : this.#first.length;
  }

  /** Takes the next piece; then ask `next` until it has no more. */
  push(piece: Uint8Array): void {
    if (typeof this.#reader === "object") return this.#reader.push(piece);
    this.#first = concatBytes(this.#first, piece);
    if (this.#first.length < firstBytes) return;
    this.#reader = this.#readerOf(this.#first);
    if (typeof this.#reader === "object") this.#reader.push(this.#first);
    this.#first = new Uint8Array(0);
  }

  /** The next whole message, valid as long as the piece is. */
  next(): Uint8Array | StreamEnd | undefined {
    return typeof this.#reader === "object" ? this.#reader.next() : this.#reader;
  }

  /** No stream begins with ChannelData: a channel is bound first. */
  #readerOf(bytes: Uint8Array): StreamFrames | ClassicReader | "not-ours" {
    if (startsClassicRequest(bytes)) return this.#servesClassic ? new ClassicReader(this.#counts) : "not-ours";
    return datagramKind(bytes) === "stun" ? new StreamFrames(maxPayloadBytes) : "not-ours";
  }
}
