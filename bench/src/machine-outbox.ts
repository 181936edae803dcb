import type { Address, Outbox, PortId, PortRequest } from "@fractal-punch/machine";

/** Counts what a machine sends and keeps nothing but its last datagram, as sockets would be rid of it at once. */
export class MachineOutbox implements Outbox<unknown> {
  sent = 0;
  /** The last datagram, until the machine's next one. */
  last: Uint8Array = new Uint8Array(0);
  /** The socket that it wanted last. */
  opened: { readonly port: PortId; readonly request: PortRequest } | undefined;

  send(_port: PortId, _to: Address, bytes: Uint8Array): void {
    this.sent++;
    this.last = bytes;
  }

  forward(_port: PortId, _to: Address, head: Uint8Array): void {
    this.sent++;
    this.last = head;
  }

  openPort(port: PortId, request: PortRequest): void {
    this.opened = { port, request };
  }

  closePort(): void {}

  closeStream(): void {}

  holdStream(): void {}

  emit(): void {}
}
