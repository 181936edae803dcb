import type { Socket } from "node:net";
import type { Address } from "@fractal-punch/machine";

/** Unsent bytes that wait in this process, behind a full buffer of the system's: more would only be late. */
const maxUnsentBytes = 65_536;

/** TLS says only in the next turn of the event loop what the system has taken. So much may be written in one. */
const maxFreshBytes = 262_144;

/** How long a far end may take to accept the rest of a closed stream. */
const lingerMs = 5_000;

/** What a stream tells its port; nothing but `full` comes from within a call of the port's. */
export interface StreamListener {
  /** Never empty. */
  received(stream: Stream, bytes: Uint8Array): void;
  /** Too much is unsent; or nothing is any more. Never after `close` or `destroy`. */
  full(stream: Stream, isFull: boolean): void;
  /** Once, when the far end closed it or is gone, after its last bytes. Never after `close` or `destroy`. */
  ended(stream: Stream): void;
  /** Once: the socket is closed. */
  gone(stream: Stream): void;
}

/** One connection of TCP, or TLS over one. */
export class Stream {
  /** The far end. */
  readonly from: Address;
  readonly #socket: Socket;
  readonly #tcp: Socket;
  readonly #listener: StreamListener;
  #isOpen = true;
  /** Written over TLS in this turn of the event loop: neither sent nor unsent, as far as is known. */
  #freshBytes = 0;
  #isFull = false;
  #deadline: NodeJS.Timeout | undefined;

  /** `tcp` is the same as `socket`, or what carries its TLS. */
  constructor(socket: Socket, from: Address, listener: StreamListener, tcp: Socket) {
    this.from = from;
    this.#socket = socket;
    this.#tcp = tcp;
    this.#listener = listener;
    socket.on("data", (piece: Buffer) => {
      // Once it is closed, the bytes are still taken: see `#finish`.
      if (!this.#isOpen) return;
      // Not the Buffer itself: machines copy with `slice`, which on a Buffer makes a view.
      listener.received(this, new Uint8Array(piece.buffer, piece.byteOffset, piece.length));
    });
    socket.on("drain", () => this.#fill(false));
    socket.on("end", () => this.#end());
    socket.on("error", () => undefined); // "close" follows.
    socket.on("close", () => {
      this.#end();
      clearTimeout(this.#deadline);
      listener.gone(this);
    });
  }

  /** Writes `head` and `rest` as one, or gives false when too much is unsent already. */
  send(head: Uint8Array, rest: Uint8Array | undefined): boolean {
    if (this.#freshBytes >= maxFreshBytes) return false;
    if (this.#socket.writableLength - this.#freshBytes >= maxUnsentBytes) return false;
    const bytes = Buffer.allocUnsafe(head.length + (rest?.length ?? 0));
    bytes.set(head);
    if (rest !== undefined) bytes.set(rest, head.length);
    this.#socket.write(bytes);
    if (this.#socket !== this.#tcp) this.#countFresh(bytes.length);
    if (this.#socket.writableLength >= maxUnsentBytes) this.#fill(true);
    return true;
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#socket.pause();
    else this.#socket.resume();
  }

  /** Closes the socket as soon as the system has taken what was sent, or after 5 s. Nothing more is received. */
  close(): void {
    this.#isOpen = false;
    this.#deadline = setTimeout(() => this.destroy(), lingerMs).unref();
    this.#socket.resume().end(() => this.#finish());
  }

  /** Closes the socket at once; with a reset when something is unsent, lest the far end take a part for the whole. */
  destroy(): void {
    this.#isOpen = false;
    // Of TLS it is known in the next turn what is unsent.
    if (this.#socket === this.#tcp) this.#cut();
    else setImmediate(() => this.#cut());
  }

  #countFresh(bytes: number): void {
    if (this.#freshBytes === 0)
      setImmediate(() => {
        this.#freshBytes = 0;
      });
    this.#freshBytes += bytes;
  }

  #cut(): void {
    if (this.#socket.writableLength > 0) this.#tcp.resetAndDestroy();
    else this.#socket.destroy();
  }

  #fill(isFull: boolean): void {
    if (!this.#isOpen || isFull === this.#isFull) return;
    this.#isFull = isFull;
    this.#listener.full(this, isFull);
  }

  #end(): void {
    if (!this.#isOpen) return;
    this.close();
    this.#listener.ended(this);
  }

  /**
   * The system has all, and FIN behind it. What the far end sent until now is read first, in the next turn of the event
   * loop: a socket that is closed over unread bytes is reset, which can take the answer from the far end.
   */
  #finish(): void {
    setImmediate(() => setImmediate(() => this.#socket.destroy()));
  }
}
