import type { Address, DatagramInfo, DriverCommand, PortId, SendOptions } from "@fractal-punch/machine";
import type { Forwarding } from "./batch/forwarding.ts";
import type { ForwardingThreads } from "./batch/forwarding-threads.ts";
import type { DriverCounters } from "./counters.ts";
import type { IpTexts } from "./ip-texts.ts";
import type { TlsAcceptor } from "./tls-acceptor.ts";

export type PortNews = Extract<DriverCommand, { readonly port: PortId }>;

/** What the ports of one driver share. */
export interface PortContext {
  readonly counters: DriverCounters;
  readonly ipTexts: IpTexts;
  /** Absent in a driver that has no certificate. */
  readonly tlsAcceptor: TlsAcceptor | undefined;
  /** The machine's forwarding plane, in a driver that moves datagrams in batches. */
  readonly forwarding: Forwarding | undefined;
  /** Where threads forward besides this one. */
  readonly threads: ForwardingThreads | undefined;
  /**
   * Gives the machine a datagram or a piece of a stream. Not to be called while the machine is in a call. `now` is the same
   * for those that came together; the present when absent.
   */
  receive(port: PortId, from: Address, bytes: Uint8Array, info: DatagramInfo, now?: number): void;
  /** Gives the machine the news, after the call that it may be in. */
  tell(news: PortNews): void;
}

/** A socket of the system as the driver knows it. What goes wrong is counted or told, never thrown. */
export interface Port {
  /** Sends `head` and `rest` as one; both belong to the caller again when the call returns. */
  send(to: Address, options: SendOptions | undefined, head: Uint8Array, rest?: Uint8Array): void;
  closeStream(to: Address): void;
  holdStream(to: Address, isHeld: boolean): void;
  /** Resolves when the socket is gone, its streams as well. Nothing is received or told from the call on. */
  close(): Promise<void>;
}

export interface UdpPort extends Port {
  /** As `UdpSocket.connect`. */
  connect(to: Address): void;
}
