/** A socket of UDP that belongs to no machine. */
import type { Address, PortRequest } from "@fractal-punch/machine";
import { openBatchPort } from "./batch/batch-port.ts";
import { DriverCounters } from "./counters.ts";
import { chooseDatagramDriver, type DriverKind } from "./datagram-driver.ts";
import { openDatagramPort } from "./datagram-port.ts";
import { IpTexts } from "./ip-texts.ts";
import type { PortContext, PortNews, UdpPort } from "./port.ts";

export interface UdpSocketOptions {
  /** Only UDP's fields. */
  readonly request: PortRequest;
  /** `bytes` are lent for the call. */
  readonly onDatagram: (from: Address, bytes: Uint8Array) => void;
  /** Datagrams were lost for the system's reason (ECONNREFUSED, EMSGSIZE ...). Nothing may be sent meanwhile. */
  readonly onFault: (code: string) => void;
  /** As for `Driver`. */
  readonly driver?: DriverKind;
}

/** Parsed and written addresses of all sockets; there may be a thousand. */
const ipTexts: IpTexts = new IpTexts();

/** Of a thread's sockets, what is sent while datagrams are received leaves with them, in batches where the driver has those. */
export class UdpSocket {
  readonly local: Address;
  #port: UdpPort | undefined;

  private constructor(port: UdpPort, local: Address) {
    this.#port = port;
    this.local = local;
  }

  /** Bound as requested; or the system's word for why it cannot be. Throws DriverError. */
  static open({ request, onDatagram, onFault, driver }: UdpSocketOptions): UdpSocket | string {
    const told: PortNews[] = [];
    const context: PortContext = {
      counters: new ToldFaults(onFault),
      ipTexts,
      tlsAcceptor: undefined,
      forwarding: undefined,
      threads: undefined,
      receive: (_port, from, bytes) => onDatagram(from, bytes),
      tell: (news) => {
        told.push(news);
      },
    };
    const { io } = chooseDatagramDriver(driver);
    const port = io === undefined ? openDatagramPort(0, request, context) : openBatchPort(0, request, io, context);
    const [news] = told;
    if (port !== undefined && news?.type === "port-opened") return new UdpSocket(port, news.local);
    return news?.type === "port-failed" ? news.code : "unknown";
  }

  /**
   * From now on it hears from there only, and may send there only; when nothing listens there, that is a fault,
   * ECONNREFUSED. So is it when the system knows no way there.
   */
  connect(to: Address): void {
    this.#port?.connect(to);
  }

  /** `bytes` are the caller's again when it returns. Does nothing after `close`. */
  send(to: Address, bytes: Uint8Array): void {
    this.#port?.send(to, undefined, bytes);
  }

  /** Nothing comes from the call on. */
  close(): void {
    void this.#port?.close();
    this.#port = undefined;
  }
}

class ToldFaults extends DriverCounters {
  readonly #onFault: (code: string) => void;

  constructor(onFault: (code: string) => void) {
    super();
    this.#onFault = onFault;
  }

  override fail(code: string = "unknown"): void {
    this.#onFault(code);
  }
}
