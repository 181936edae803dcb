import type { Address } from "./address.ts";
import type { Outbox, PortId, PortRequest, SendOptions } from "./machine.ts";
import { withOwnBytes } from "./own-bytes.ts";

/** One effect of a machine, as a plain object that owns its bytes. */
export type Effect<Event> =
  | {
      readonly type: "send";
      readonly port: PortId;
      readonly to: Address;
      readonly bytes: Uint8Array;
      readonly options?: SendOptions;
    }
  | { readonly type: "open-port"; readonly port: PortId; readonly request: PortRequest }
  | { readonly type: "close-port"; readonly port: PortId }
  | { readonly type: "close-stream"; readonly port: PortId; readonly to: Address }
  | { readonly type: "hold-stream"; readonly port: PortId; readonly to: Address; readonly isHeld: boolean }
  | { readonly type: "emit"; readonly event: Event };

/** An outbox that records, for tests and for hosts that act after the machine has returned. */
export class Recorder<Event> implements Outbox<Event> {
  effects: Effect<Event>[] = [];
  /** The datagram in hand while `receive` runs; `forward` copies from it. */
  datagram: Uint8Array = new Uint8Array(0);

  send(port: PortId, to: Address, bytes: Uint8Array, options?: SendOptions): void {
    this.#record(port, to, bytes.slice(), options);
  }

  forward(port: PortId, to: Address, head: Uint8Array, start: number, options?: SendOptions): void {
    const bytes = new Uint8Array(head.length + this.datagram.length - start);
    bytes.set(head);
    bytes.set(this.datagram.subarray(start), head.length);
    this.#record(port, to, bytes, options);
  }

  openPort(port: PortId, request: PortRequest): void {
    this.effects.push({ type: "open-port", port, request });
  }

  closePort(port: PortId): void {
    this.effects.push({ type: "close-port", port });
  }

  closeStream(port: PortId, to: Address): void {
    this.effects.push({ type: "close-stream", port, to });
  }

  holdStream(port: PortId, to: Address, isHeld: boolean): void {
    this.effects.push({ type: "hold-stream", port, to, isHeld });
  }

  emit(event: Event): void {
    this.effects.push({ type: "emit", event: withOwnBytes(event) });
  }

  /** Hands over what was recorded, and starts anew. */
  take(): Effect<Event>[] {
    const { effects } = this;
    this.effects = [];
    return effects;
  }

  #record(port: PortId, to: Address, bytes: Uint8Array, options?: SendOptions): void {
    this.effects.push(
      options === undefined ? { type: "send", port, to, bytes } : { type: "send", port, to, bytes, options },
    );
  }
}
