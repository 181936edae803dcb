/** A stream that a scenario opens from a node, with all that came of it: for far ends that are not machines. */
import type { Address } from "@fractal-punch/machine";
import type { Traffic } from "../traffic.ts";
import type { Connection, StreamEnd, StreamUser } from "./connection.ts";

export type StreamEvent =
  | { readonly type: "connected" }
  | { readonly type: "received"; readonly bytes: Uint8Array }
  | { readonly type: "ended"; readonly why: StreamEnd };

export class DialledStream {
  /** Oldest first, with the world's time. */
  readonly events: { readonly atMs: number; readonly event: StreamEvent }[] = [];
  readonly #connection: Connection;
  readonly #handlers: ((event: StreamEvent) => void)[] = [];

  /** `dial` opens the connection. */
  constructor(traffic: Traffic, dial: (user: StreamUser) => Connection) {
    const tell = (event: StreamEvent): void => {
      this.events.push({ atMs: traffic.now, event });
      for (const handler of this.#handlers) handler(event);
    };
    this.#connection = dial({
      opened: () => tell({ type: "connected" }),
      received: (bytes) => tell({ type: "received", bytes: bytes.slice() }),
      full: () => undefined,
      ended: (why) => tell({ type: "ended", why }),
    });
  }

  /** The address that it was dialled from, as its node knows it. */
  get local(): Address {
    return this.#connection.local;
  }

  /** How the far end closed it, or why there is none; `undefined` as long as the far end is there. */
  get end(): StreamEnd | undefined {
    const last = this.events.at(-1)?.event;
    return last?.type === "ended" ? last.why : undefined;
  }

  /** All that was received. */
  get bytes(): Uint8Array {
    return Uint8Array.from(this.events.flatMap(({ event }) => (event.type === "received" ? [...event.bytes] : [])));
  }

  /** Calls `handler` with each event from now on. */
  onEvent(handler: (event: StreamEvent) => void): void {
    this.#handlers.push(handler);
  }

  write(bytes: Uint8Array): void {
    this.#connection.write(bytes);
  }

  /** Sends nothing more, and still receives. */
  closeHalf(): void {
    this.#connection.end();
  }

  /** Sends nothing more, and wants to hear nothing more. */
  close(): void {
    this.#connection.close();
  }

  /** Breaks off with RST. */
  reset(): void {
    this.#connection.reset();
  }
}
