/** Requests that went out by UDP, and that nothing has answered since the last answer to any of them. */
import type { PortId } from "@fractal-punch/machine";
import { asciiText, datagramKind, headerBytes, MessageClass, messageClassOf, readU16 } from "@fractal-punch/wire";

/** How many are remembered by their transaction ids. */
const maxIds = 16;

export class Unanswered {
  /** When the first of them went out; `Infinity` when there is none. */
  sinceMs: number = Infinity;
  /** A character a byte, oldest first. */
  #ids: string[] = [];
  readonly #ports = new Set<PortId>();

  note(now: number, port: PortId, request: Uint8Array): void {
    this.#ids = [...this.#ids, idOf(request)].slice(-maxIds);
    this.sinceMs = Math.min(this.sinceMs, now);
    this.#ports.add(port);
  }

  /** Whether it was sent through that port. */
  isOn(port: PortId): boolean {
    return this.#ports.has(port);
  }

  isAnsweredBy(bytes: Uint8Array): boolean {
    return this.#ids.length > 0 && isResponse(bytes) && this.#ids.includes(idOf(bytes));
  }

  forget(): void {
    this.sinceMs = Infinity;
    this.#ids = [];
    this.#ports.clear();
  }
}

export function isRequest(bytes: Uint8Array): boolean {
  return datagramKind(bytes) === "stun" && messageClassOf(readU16(bytes, 0)) === MessageClass.request;
}

/** A success or an error. */
function isResponse(bytes: Uint8Array): boolean {
  return datagramKind(bytes) === "stun" && messageClassOf(readU16(bytes, 0)) >= MessageClass.success;
}

function idOf(message: Uint8Array): string {
  return asciiText(message.subarray(8, headerBytes));
}
