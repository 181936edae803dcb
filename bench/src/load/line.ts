/** One UDP socket of a load, on an address of this process's, that is read and written in batches. */
import { bindSocket, type Manner, type Pollable, type Sender } from "@fractal-punch/udp/batch";
import type { LoadLine } from "../load-socket.ts";
import type { LineIo } from "./line-io.ts";

const family4 = 4 * 65_536;
/** Of whatever is measured. */
export const serverIp = 0x7f00_0001;
/**
 * Of the load, another one in each process: servers remember for minutes who had which port. A server relays to no
 * address of its own, so it is not that.
 */
export const loadIp: number = 0x7f01_0000 + (process.pid & 0xffff);

/** Leaves it all to the system. */
export const plainManner: Manner = { ecn: 0, ttl: 0, isWhole: false, local: new Uint32Array(5) };

/** A server of this machine, as address words. */
export function serverWords(port: number): Uint32Array {
  return Uint32Array.of(family4 + port, serverIp, 0, 0, 0);
}

/** Where a socket of the load is. */
export function lineWords({ port }: Line): Uint32Array {
  return Uint32Array.of(family4 + port, loadIp, 0, 0, 0);
}

/** Takes a message of datagrams of `segmentBytes` each, of which the last may be shorter. */
export type TakeMessage = (start: number, end: number, segmentBytes: number) => void;

export class Line implements Pollable, Sender, LoadLine {
  readonly fd: number;
  readonly port: number;
  segments: boolean;
  /** Datagrams that the system had no room for. */
  refused: number = 0;
  onMessage: TakeMessage = () => undefined;
  readonly #io: LineIo;
  readonly #server: Uint32Array;

  /** `serverPort`: where `send` sends to. */
  constructor(io: LineIo, serverPort: number) {
    const local = { family: 4, ip: loadIp, port: 0 } as const;
    const socket = bindSocket(io.calls, { family: 4, port: 0, local });
    if (typeof socket === "string") throw new Error(`a socket of the load cannot be opened: ${socket}`);
    this.fd = socket.fd;
    this.port = socket.local.port;
    this.segments = socket.segments;
    this.#io = io;
    this.#server = serverWords(serverPort);
    io.poller.add(this);
  }

  set receiver(receive: (bytes: Uint8Array) => void) {
    this.onMessage = (start, end, segmentBytes) => {
      for (let at = start; at < end; at += segmentBytes)
        receive(this.#io.arena.bytes.slice(at, Math.min(at + segmentBytes, end)));
    };
  }

  send(bytes: Uint8Array): void {
    this.put(bytes);
    this.#io.outgoing.flush();
  }

  /** As `send`, but it leaves with the next flush. */
  put(bytes: Uint8Array): void {
    this.#io.outgoing.copy(this, this.#server, 0, plainManner, bytes);
  }

  /** Nothing of a load must. */
  keepWhole(): undefined {
    return undefined;
  }

  readable(): void {
    const { received } = this.#io;
    const count = received.fill(this.fd);
    for (let i = 0; i < count; i++)
      if (received.read(i)) this.onMessage(received.start, received.end, received.segmentBytes);
  }

  writable(): void {}

  wait(): void {
    this.refused++;
  }

  failed(): void {
    this.refused += 1;
  }

  close(): void {
    this.#io.poller.remove(this);
    this.#io.calls.close(this.fd);
  }
}

const patienceMs = 2_000;

/** Reads all sockets until it is so; throws when it does not come about. `again` is called every 100 ms. */
export function awaitUntil(io: LineIo, isSo: () => boolean, what: string, again: () => void = () => undefined): void {
  const start = performance.now();
  let next = start + 100;
  while (!isSo()) {
    const now = performance.now();
    if (now > start + patienceMs) throw new Error(`the load waited in vain for ${what}`);
    if (now > next) {
      again();
      next = now + 100;
    }
    io.poller.poll(1);
  }
}
