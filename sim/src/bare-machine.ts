/** A machine that does what it is told and reports what comes: for probes, strangers and attackers. */
import type { Address, DriverCommand, Machine, Outbox, PortId, PortRequest, SendOptions } from "@fractal-punch/machine";

export type BareCommand =
  | { readonly type: "open"; readonly port: PortId; readonly request: PortRequest }
  | { readonly type: "close"; readonly port: PortId }
  | { readonly type: "close-stream"; readonly port: PortId; readonly to: Address }
  | { readonly type: "hold-stream"; readonly port: PortId; readonly to: Address; readonly isHeld: boolean }
  | {
      readonly type: "send";
      readonly port: PortId;
      readonly to: Address;
      readonly bytes: Uint8Array;
      readonly options?: SendOptions;
    };

export type BareEvent =
  | DriverCommand
  | { readonly type: "received"; readonly port: PortId; readonly from: Address; readonly bytes: Uint8Array };

export class BareMachine implements Machine<BareCommand, BareEvent> {
  readonly #echoes: boolean;

  /** With `echoes` it sends each datagram, and each piece of a stream, back to where it came from. */
  constructor(echoes = false) {
    this.#echoes = echoes;
  }

  receive(_now: number, port: PortId, from: Address, bytes: Uint8Array, _info: unknown, out: Outbox<BareEvent>): void {
    out.emit({ type: "received", port, from, bytes });
    if (this.#echoes) out.send(port, from, bytes);
  }

  wake(): void {}

  command(_now: number, command: BareCommand | DriverCommand, out: Outbox<BareEvent>): void {
    switch (command.type) {
      case "open":
        return out.openPort(command.port, command.request);
      case "close":
        return out.closePort(command.port);
      case "close-stream":
        return out.closeStream(command.port, command.to);
      case "hold-stream":
        return out.holdStream(command.port, command.to, command.isHeld);
      case "send":
        return out.send(command.port, command.to, command.bytes, command.options);
      case "clock":
      case "port-opened":
      case "port-failed":
      case "stream-opened":
      case "stream-ended":
      case "stream-full":
        return out.emit(command);
    }
  }

  nextWake(): number {
    return Infinity;
  }
}
