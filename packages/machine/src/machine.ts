/**
 * The form of every state machine in this project: inputs carry the time, effects leave through an outbox.
 * A machine is synchronous, keeps no promise and no callback, reads no clock and draws no randomness of its own.
 * It has two hosts: the driver in `udp` (real sockets, real clock) and the world in `sim` (virtual ones).
 */
import type { Address } from "./address.ts";
import type { Forwarder } from "./forwarder.ts";

/**
 * A socket as a machine knows it: a small number that the machine itself gives out with `openPort`.
 *
 * A port of TCP or TLS listens for streams, or is one stream that is dialled (`PortRequest.remote`). A stream is named as
 * a sender of datagrams is, by port and far address, so that who answers need not know which of the two it answers.
 * `stream-opened` comes before its first bytes. `receive` brings the bytes in order, in pieces of any size but 0. What one
 * `send` gives is written whole or, on a stream that is full, dropped whole.
 *
 * A port that dials hears `stream-opened`, for TLS when the handshake is done, or `port-failed`. When its stream has ended
 * it is of no more use, but its number is taken until `closePort`.
 */
export type PortId = number;

/** What came with a datagram besides its bytes; a field is absent where the driver cannot tell. */
export interface DatagramInfo {
  /** The address that the datagram was sent to. */
  readonly local?: Address;
  /** The two ECN bits of the IP header (RFC 3168). */
  readonly ecn?: number;
}

/** How one datagram is to leave; a driver that cannot do an option says so in `Abilities`. */
export interface SendOptions {
  /** IP time to live, or IPv6 hop limit. */
  readonly ttl?: number;
  readonly dontFragment?: boolean;
  readonly ecn?: number;
  /** The local address to send from, where a port is bound to several. */
  readonly local?: Address;
}

/** What a driver can do. A machine leaves out what its driver cannot. */
export interface Abilities {
  readonly ttl: boolean;
  readonly dontFragment: boolean;
  readonly ecn: boolean;
  readonly localAddress: boolean;
}

export type Transport = "udp" | "tcp" | "tls";

/** Whom a TLS connection is to lead to. */
export interface TlsServer {
  /** The name that was dialled, or an address as text: it is sent as SNI, and a public certificate has to be for it. */
  readonly name: string;
  /**
   * SHA-256 of the public key of its certificate (SubjectPublicKeyInfo, DER), 32 bytes. A certificate is taken when its key
   * is that one, or when a public authority vouches for it; when absent, any is.
   */
  readonly keyHash?: Uint8Array;
}

export interface PortRequest {
  /** UDP when absent. */
  readonly transport?: Transport;
  readonly family: 4 | 6;
  /** Bind to this address only; the wildcard address when absent. The port in it is not used. */
  readonly local?: Address;
  /** 0 lets the system choose. */
  readonly port: number;
  /** TCP and TLS: connect to this address, instead of listening. */
  readonly remote?: Address;
  /** A port that dials: how long it may take; 10 s when absent. */
  readonly patienceMs?: number;
  /** TLS that dials: whom it is to reach. */
  readonly server?: TlsServer;
  /** One of thousands: it has to do with the buffers that the system gives every socket. */
  readonly lean?: true;
}

/** Where a machine's effects go. `bytes` belong to the caller again when the call returns. */
export interface Outbox<Event> {
  /** Sends one datagram, or writes to a stream; dropped when the port or the stream is not open. */
  send(port: PortId, to: Address, bytes: Uint8Array, options?: SendOptions): void;
  /**
   * Sends on the datagram in hand, from byte `start` to its end, behind `head`: the relay's path, on which a driver
   * need not copy the payload. Only valid inside `receive`.
   */
  forward(port: PortId, to: Address, head: Uint8Array, start: number, options?: SendOptions): void;
  /** Opens a socket under a number that the machine chose; `port-opened` or `port-failed` follows as a command. */
  openPort(port: PortId, request: PortRequest): void;
  /**
   * Streams that came to it are broken off; one that was dialled ends as with `closeStream`. What is closed by the machine
   * itself is not told to it.
   */
  closePort(port: PortId): void;
  /** Ends a stream once what was sent has left, or after a few seconds. Does nothing when there is none. */
  closeStream(port: PortId, to: Address): void;
  /**
   * Stops reading a stream, or goes on with it: meanwhile what the far end sends waits there, by TCP's own window, and its
   * end behind that. Does nothing when there is no such stream.
   */
  holdStream(port: PortId, to: Address, isHeld: boolean): void;
  /**
   * Tells the program around the machine. Bytes in an event are lent, perhaps as a view of the datagram in hand: who runs
   * the machine passes them on, or copies them, before that memory is used again and before the machine's next input.
   */
  emit(event: Event): void;
}

/** What every machine hears from its driver. */
export type DriverCommand =
  | { readonly type: "port-opened"; readonly port: PortId; readonly local: Address }
  /**
   * `code` is the system's word (EADDRINUSE, EACCES, EAFNOSUPPORT, ECONNREFUSED ...). Of a dialled port also: "ETIMEDOUT"
   * when it took too long, "CERTIFICATE" for one that is not the server's, "TLS" for another fault of the handshake.
   */
  | { readonly type: "port-failed"; readonly port: PortId; readonly code: string }
  /** Somebody connected to a port that listens, and `local` was dialled; or a port that dials, with `local`, is connected. */
  | { readonly type: "stream-opened"; readonly port: PortId; readonly from: Address; readonly local: Address }
  /** The far end closed the stream, or is gone: nothing more comes, and nothing can be sent. */
  | { readonly type: "stream-ended"; readonly port: PortId; readonly from: Address }
  /** So much waits for the far end that more is dropped; or, with `isFull` false, all of it has left. */
  | { readonly type: "stream-full"; readonly port: PortId; readonly from: Address; readonly isFull: boolean }
  /** The wall clock at this `now`, in ms since 1970; given before anything else, and again whenever it may have moved. */
  | { readonly type: "clock"; readonly epochMs: number };

export interface Machine<Command, Event> {
  /** Of a machine that relays. A driver may leave it aside: then all datagrams are the machine's. */
  readonly forwarder?: Forwarder;
  /**
   * One datagram, or the next piece of a stream. `now` is monotonic, in ms. `bytes` are valid during the call only, in
   * which the machine may write to them: a peer opens packets in their place. Never throws, whatever they are.
   */
  receive(now: number, port: PortId, from: Address, bytes: Uint8Array, info: DatagramInfo, out: Outbox<Event>): void;
  /** Does what is due at `now`; a call that comes too early does nothing. */
  wake(now: number, out: Outbox<Event>): void;
  command(now: number, command: Command | DriverCommand, out: Outbox<Event>): void;
  /** The time at which `wake` is wanted next; `Infinity` when nothing is waiting. */
  nextWake(): number;
}

export const noInfo: DatagramInfo = {};
