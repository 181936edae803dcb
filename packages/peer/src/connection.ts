/** A session, as applications see it. */
import { EventEmitter } from "node:events";
import { type Address, addressText } from "@fractal-punch/machine";
import { maxDatagramBytes, type VerdictReason } from "@fractal-punch/wire";
import { adviceFor } from "./advice.ts";
import type { SessionEvent, SessionStatus } from "./core/events.ts";
import { PunchError } from "./errors.ts";
import { MessageQueue } from "./message-queue.ts";

export type PathKind = "relayed" | "direct";

export interface PathInfo {
  readonly kind: PathKind;
  /** "tls" where this end's network blocks UDP: then it is relayed, and `remote` is where the server takes TLS. */
  readonly transport: "udp" | "tls";
  /** This end's address and port, as text. */
  readonly local: string;
  /** The other end's address and port when direct, the server's when relayed. */
  readonly remote: string;
  /** The round trip, in ms, once it was measured. */
  readonly rttMs?: number;
}

export interface Verdict {
  readonly path: PathKind;
  /** Why, in one word. */
  readonly reason: VerdictReason;
  /** What it means and what can be done, in a sentence or two. */
  readonly advice: string;
  readonly tried: readonly TriedAddress[];
}

export interface TriedAddress {
  /** RFC 8445's kind of candidate, or "relayed". */
  readonly kind: string;
  readonly address: string;
  readonly result: string;
  readonly rttMs?: number;
}

export interface MessageInfo {
  /** The path that the datagram came by. */
  readonly path: PathKind;
  /** Early data: it may have been sent twice. */
  readonly early: boolean;
}

export interface Counts {
  sentDatagrams: number;
  sentBytes: number;
  receivedDatagrams: number;
  receivedBytes: number;
}

/** Takes a datagram whose bytes are lent: they are valid during the call only. */
export type Borrower = (data: Uint8Array, info: MessageInfo) => void;

/** What a connection needs of the machine that holds its session. */
export interface Wiring {
  /** `data` is the caller's again when it returns. */
  send(data: Uint8Array): void;
  /** Says goodbye and lets go; resolves when that is done. */
  close(): Promise<void>;
  status(): SessionStatus | undefined;
}

export interface ConnectionDetails {
  readonly peer: string;
  readonly invite?: { readonly id: string; readonly name?: string };
  readonly earlyDataTaken?: boolean;
}

interface ConnectionEvents {
  message: [data: Uint8Array, info: MessageInfo];
  path: [path: PathInfo];
  close: [error?: PunchError];
  newListener: [name: string | symbol];
}

const encoder = new TextEncoder();

/** Nearly every datagram comes with one of these. */
const infos: Record<PathKind, MessageInfo> = {
  relayed: Object.freeze({ path: "relayed", early: false }),
  direct: Object.freeze({ path: "direct", early: false }),
};

/**
 * An encrypted session with one peer. Emits `message` for each datagram (what came before the first listener is given to
 * it), `path` when the path changes, and `close`, with an error unless either end closed it.
 */
export class Connection extends EventEmitter<ConnectionEvents> {
  /** The other peer's public key as text: a host id, or a client's key. */
  readonly peer: string;
  /** On the host's side: the invite that the client came with. */
  readonly invite?: { readonly id: string; readonly name?: string };
  /** On the client's side: whether the host took the early data. */
  readonly earlyDataTaken?: boolean;
  readonly counts: Counts = { sentDatagrams: 0, sentBytes: 0, receivedDatagrams: 0, receivedBytes: 0 };
  readonly #wiring: Wiring;
  readonly #queue = new MessageQueue<MessageInfo>();
  #borrower: Borrower | undefined;
  #limitBytes: number = maxDatagramBytes;
  #lastStatus: SessionStatus | undefined;
  #iterating = false;
  #closed = false;
  #closing: Promise<void> | undefined;

  /** Made by `connect` and `listen`. */
  constructor(wiring: Wiring, details: ConnectionDetails) {
    super();
    this.#wiring = wiring;
    this.peer = details.peer;
    if (details.invite) this.invite = details.invite;
    if (details.earlyDataTaken !== undefined) this.earlyDataTaken = details.earlyDataTaken;
    this.on("newListener", (name) => {
      if (name === "message" && this.listenerCount("message") === 0) queueMicrotask(() => this.#flush());
    });
  }

  /**
   * The largest datagram that `send` takes now. At least 1,195 bytes, which every path takes; up to 1,439 while the path is
   * direct and has shown that it takes packets of that size. It rises a moment after the path has become direct, and falls
   * at once when that path goes silent or changes, so ask before each datagram. The other end's is another: what came from
   * there may be too large to be sent back.
   */
  get maxDatagramBytes(): number {
    return this.#limitBytes;
  }

  /**
   * Sends one datagram; like UDP, it may be lost or overtaken. Text is sent as UTF-8, and bytes may be changed again when it
   * returns. Throws `PunchError`: TOO_LARGE above `maxDatagramBytes`, CLOSED after the end.
   */
  send(data: Uint8Array | string): void {
    const bytes = bytesOf(data);
    if (this.#closed || this.#closing) throw new PunchError("CLOSED");
    assertSendable(bytes, this.#limitBytes);
    this.counts.sentDatagrams++;
    this.counts.sentBytes += bytes.length;
    this.#wiring.send(bytes);
  }

  /**
   * Gives each datagram to `borrower` instead of `message` and `messages`, what came before at once. Its bytes are lent for
   * the call: for a program that passes datagrams on nothing is copied, and no event is made of them.
   */
  lendTo(borrower: Borrower): void {
    this.#borrower = borrower;
    for (const { data, info } of this.#queue.drain()) borrower(data, info);
  }

  /** The datagrams as they come, until the session ends. At most 1,024 wait; then the oldest are dropped. */
  get messages(): AsyncIterable<Uint8Array> {
    this.#iterating = true;
    return this.#queue;
  }

  get path(): PathInfo {
    const path = this.#status?.path;
    const { kind = "relayed", transport = "udp", local, remote, rttMs } = path ?? {};
    return { kind, transport, local: textOf(local), remote: textOf(remote), ...(rttMs !== undefined && { rttMs }) };
  }

  /** Why the session is direct, or relayed: what was tried, what came of it, what can be done. */
  get verdict(): Verdict {
    const { reason = "trying", tried = [] } = this.#status ?? {};
    return {
      path: this.path.kind,
      reason,
      advice: adviceFor(reason),
      tried: tried.map(({ kind, address, result, rttMs }) => ({
        kind,
        address: addressText(address),
        result,
        ...(rttMs !== undefined && { rttMs }),
      })),
    };
  }

  /** Ends the session at both ends; resolves when this end has let go. */
  close(): Promise<void> {
    this.#closing ??= this.#wiring.close();
    return this.#closing;
  }

  /** Takes an event of this session (called by `connect` and `listen`). */
  take(event: SessionEvent): void {
    switch (event.type) {
      case "data":
        this.#receive(event.data, event.early ? { path: event.via, early: true } : infos[event.via]);
        return;
      case "path":
        this.emit("path", this.path);
        return;
      case "limit":
        this.#limitBytes = event.maxDatagramBytes;
        return;
      case "closed":
        this.#end(closeError(event));
    }
  }

  get #status(): SessionStatus | undefined {
    if (!this.#closed) this.#lastStatus = this.#wiring.status() ?? this.#lastStatus;
    return this.#lastStatus;
  }

  #receive(data: Uint8Array, info: MessageInfo): void {
    this.counts.receivedDatagrams++;
    this.counts.receivedBytes += data.length;
    if (this.#borrower) return this.#borrower(data, info);
    const own = data.slice();
    const heard = this.emit("message", own, info);
    if (!heard || this.#iterating) this.#queue.push({ data: own, info });
  }

  /** What came before anybody listened goes to the first listener, unless `messages` is being read. */
  #flush(): void {
    if (this.#iterating) return;
    for (const { data, info } of this.#queue.drain()) this.emit("message", data, info);
  }

  #end(error: PunchError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.end();
    this.emit("close", error);
  }
}

/** Early data and datagrams given as text. */
export function bytesOf(data: Uint8Array | string): Uint8Array {
  return typeof data === "string" ? encoder.encode(data) : data;
}

/** `undefined` when either end simply closed the session. */
function closeError({ reason, byPeer }: SessionEvent & { type: "closed" }): PunchError | undefined {
  if (reason === "lost") return new PunchError("PATH_LOST");
  return reason === "revoked" && byPeer ? new PunchError("INVITE_REVOKED") : undefined;
}

/** Throws TOO_LARGE, with the limit, for a datagram that is above it. */
export function assertSendable(bytes: Uint8Array, limitBytes: number): void {
  if (bytes.length <= limitBytes) return;
  const message = `The datagram has ${bytes.length} bytes, and the path takes at most ${limitBytes} now. Send it in pieces.`;
  throw new PunchError("TOO_LARGE", message);
}

function textOf(address: Address | undefined): string {
  return address ? addressText(address) : "";
}
