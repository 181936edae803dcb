import { createSocket, type Socket, type SocketOptions } from "node:dgram";
import {
  type Address,
  assert,
  ipText,
  noInfo,
  type PortId,
  type PortRequest,
  type SendOptions,
  withPort,
} from "@fractal-punch/machine";
import type { IpTexts } from "./ip-texts.ts";
import type { PortContext, UdpPort } from "./port.ts";

/** Holds a burst of 800 datagrams of 1,200 bytes; systems cut it down to what they allow. */
const socketBufferBytes = 1_048_576;

/** More than any datagram of the protocol; a longer one gets a buffer of its own. */
const slotBytes = 2_048;

/** Where datagrams are put together. The system has read it when `send` returns, unless its queue is full. */
let sharedSlot: Uint8Array = new Uint8Array(slotBytes);

/** What a TTL of a single datagram is set back to: Linux's and macOS's own. */
const usualTtl = 64;

/** Made once: there may be thousands of sockets. */
const lookups = { 4: lookupOf(4), 6: lookupOf(6) } as const;

/** Datagrams that wait in this process, behind a full buffer of the system's: more would only be late. */
const maxQueued = 256;

class DatagramPort implements UdpPort {
  readonly #socket: Socket;
  readonly #family: 4 | 6;
  readonly #context: PortContext;
  readonly #sent: (error: NodeJS.ErrnoException | null) => void;
  /** As of the last look; 0 stays true until the next send. */
  #queued = 0;
  #isConnected = false;

  constructor(socket: Socket, family: 4 | 6, context: PortContext) {
    this.#socket = socket;
    this.#family = family;
    this.#context = context;
    this.#sent = (error) => {
      if (error !== null) context.counters.fail(error.code);
    };
  }

  /** As one datagram; one that finds the system's buffer full leaves later, with the usual TTL. */
  send(to: Address, options: SendOptions | undefined, head: Uint8Array, rest?: Uint8Array): void {
    const ttl = options?.ttl;
    const { counters, ipTexts } = this.#context;
    if (to.port === 0) return counters.drop("destination-port-0");
    if (to.family !== this.#family) return counters.drop("destination-other-family");
    if (this.#queued > 0) this.#queued = this.#socket.getSendQueueCount();
    if (this.#queued >= maxQueued) return counters.drop("send-queue-full");
    const length = head.length + (rest?.length ?? 0);
    const slot = length > slotBytes ? new Uint8Array(length) : sharedSlot;
    slot.set(head);
    if (rest !== undefined) slot.set(rest, head.length);
    counters.sent++;
    if (ttl !== undefined) this.#socket.setTTL(ttl);
    if (this.#isConnected) this.#socket.send(slot, 0, length, this.#sent);
    else this.#socket.send(slot, 0, length, to.port, ipTexts.text(to), this.#sent);
    if (ttl !== undefined) this.#socket.setTTL(usualTtl);
    // Now, not before the call: the datagram that finds the system's buffer full is itself queued by reference.
    this.#queued = this.#socket.getSendQueueCount();
    if (this.#queued > 0) sharedSlot = new Uint8Array(slotBytes);
  }

  /** Where it fails, the socket's "error" says so, and sends go on without. */
  connect(to: Address): void {
    this.#socket.connect(to.port, this.#context.ipTexts.text(to));
    this.#isConnected = isConnected(this.#socket);
  }

  /** A port of UDP has none. */
  closeStream(): void {}

  holdStream(): void {}

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(resolve));
  }
}

/** Binds a socket of UDP, at once, and tells how that went; `undefined` when it cannot be bound. */
export function openDatagramPort(id: PortId, request: PortRequest, context: PortContext): UdpPort | undefined {
  const { counters, ipTexts } = context;
  const socket = createPortSocket(request.family);
  let failure: string | undefined;
  let bound = false;
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (bound) counters.fail(error.code);
    else failure = error.code ?? "unknown";
  });
  socket.once("listening", () => {
    bound = true;
  });
  socket.on("message", (message, source) => {
    const from = ipTexts.address(source.address, source.port);
    if (from === undefined) return counters.drop("source-unusable");
    counters.received++;
    // Not the Buffer itself: machines copy with `slice`, which on a Buffer makes a view.
    context.receive(id, from, new Uint8Array(message.buffer, message.byteOffset, message.length), noInfo);
  });
  // Exclusive: in a cluster's worker a shared socket would be asked for from the parent, which takes its time.
  const address = request.local === undefined ? {} : { address: ipText(request.local) };
  socket.bind({ port: request.port, exclusive: true, ...address });
  assert(bound || failure !== undefined, "bind does not take its time");
  const local = bound ? localAddress(socket, request, ipTexts) : undefined;
  if (local === undefined) {
    socket.close();
    context.tell({ type: "port-failed", port: id, code: failure ?? "EADDRNOTAVAIL" });
    return undefined;
  }
  if (request.lean !== true) enlargeBuffers(socket);
  context.tell({ type: "port-opened", port: id, local });
  return new DatagramPort(socket, request.family, context);
}

/** Never `reuseAddr`: with it a second program would share the port unnoticed. */
function createPortSocket(family: 4 | 6): Socket {
  return createSocket({
    type: family === 4 ? "udp4" : "udp6",
    ipv6Only: family === 6,
    lookup: lookups[family],
  });
}

function isConnected(socket: Socket): boolean {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false;
  }
}

/** Calls back at once, so that node:dgram binds and sends within the call; its own would wait for a tick, and read the bytes then. */
function lookupOf(family: 4 | 6): NonNullable<SocketOptions["lookup"]> {
  return (hostname, _options, callback) => callback(null, hostname, family);
}

/** The system is asked only for what it chose. */
function localAddress(socket: Socket, { family, local, port }: PortRequest, ipTexts: IpTexts): Address | undefined {
  if (port !== 0)
    return local === undefined ? ipTexts.address(family === 4 ? "0.0.0.0" : "::", port) : withPort(local, port);
  const bound = socket.address();
  return ipTexts.address(bound.address, bound.port);
}

/** As far as the system allows; smaller buffers lose more in bursts, and nothing else. */
function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(socketBufferBytes);
    socket.setSendBufferSize(socketBufferBytes);
  } catch {
    return;
  }
}
