/**
 * The old programs that use TCP: one request on a connection to the server, which they close when they are answered, and
 * then a connection to each other from the same local port, opened by both at once.
 */
import { type Address, addressText } from "@fractal-punch/machine";
import type { DialledStream, World } from "@fractal-punch/sim";
import { asciiBytes, asciiText } from "@fractal-punch/wire";
import { peerIn } from "./old-requests.ts";

export interface OldTcpOptions {
  readonly world: World;
  readonly node: { dial(to: Address, localPort: number): DialledStream };
  readonly server: Address;
  readonly request: Uint8Array;
  /** The local port of the first request; each further one has the next. */
  readonly port: number;
  /** How long it waits for an answer before it closes the connection and asks again; as long as it is open when not given. */
  readonly waitMs?: number;
}

const answerBytes = 8;
const askAgainMs = 1000;
const connectAgainMs = 20;
const line = "hello\n";

export class OldTcpProgram {
  /** The connections to the server. */
  readonly requests: DialledStream[] = [];
  /** The far address of the connection on which the other's line came. */
  met: string | undefined;
  readonly #options: OldTcpOptions;

  /** Starts at once. */
  constructor(options: OldTcpOptions) {
    this.#options = options;
    this.#request();
  }

  /** What came on each connection to the server. */
  get answers(): Uint8Array[] {
    return this.requests.map(({ bytes }) => bytes);
  }

  #request(): void {
    const { world, node, server, request, port, waitMs } = this.#options;
    const stream = node.dial(server, port + this.requests.length);
    this.requests.push(stream);
    stream.write(request);
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      stream.close();
      const peer = peerIn(stream.bytes);
      if (peer !== undefined) this.#connect(stream.local.port, peer);
      else world.after(askAgainMs, () => this.#request());
    };
    stream.onEvent(({ type }) => {
      if (type === "ended" || stream.bytes.length >= answerBytes) end();
    });
    if (waitMs !== undefined) world.after(waitMs, end);
  }

  #connect(localPort: number, peer: Address): void {
    const { world, node } = this.#options;
    const stream = node.dial(peer, localPort);
    stream.write(asciiBytes(line));
    stream.onEvent(({ type }) => {
      if (asciiText(stream.bytes) === line) this.met = addressText(peer);
      // Refused, when the other does not connect yet.
      if (type === "ended" && this.met === undefined) world.after(connectAgainMs, () => this.#connect(localPort, peer));
    });
  }
}
