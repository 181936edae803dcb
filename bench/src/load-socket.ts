/** One UDP socket of a load, towards the server on loopback. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** What a client or host of a load needs of a socket. */
export interface LoadLine {
  /** Who takes what the server sends, from now on. */
  set receiver(receive: (bytes: Uint8Array) => void);
  /** To the server; `bytes` may be used again after it. */
  send(bytes: Uint8Array): void;
  close(): void;
}

export class LoadSocket implements LoadLine {
  readonly #socket: Socket;
  readonly #serverPort: number;

  /** Made by `openSocket`. */
  constructor(socket: Socket, serverPort: number) {
    this.#socket = socket;
    this.#serverPort = serverPort;
  }

  set receiver(receive: (bytes: Uint8Array) => void) {
    this.#socket.removeAllListeners("message");
    // Not the Buffer itself: codecs copy with `slice`, which on a Buffer makes a view.
    this.#socket.on("message", ({ buffer, byteOffset, length }) => receive(new Uint8Array(buffer, byteOffset, length)));
  }

  send(bytes: Uint8Array): void {
    this.#socket.send(bytes, this.#serverPort, "127.0.0.1");
  }

  close(): void {
    this.#socket.close();
  }
}

/** With a `lookup` that calls back at once, node:dgram sends within the call, so `bytes` may be used again after it. */
export async function openSocket(serverPort: number): Promise<LoadSocket> {
  const socket = createSocket({ type: "udp4", lookup: (hostname, _, callback) => callback(null, hostname, 4) });
  const bound = once(socket, "listening");
  socket.bind(0, "127.0.0.1");
  await bound;
  return new LoadSocket(socket, serverPort);
}
