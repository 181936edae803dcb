/** Requests that went out by UDP, and that nothing has answered since the last answer to any of them. */
import type { PortId } from "@fractal-punch/machine";
import { asciiText, headerBytes } from "@fractal-punch/wire";

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

export function isChannelData(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0) >> 6 === 1;
}

export function isStun(bytes: Uint8Array): boolean {
  return (bytes[0] ?? 0xff) <= 3 && bytes.length >= headerBytes;
}

/** RFC 8489 section 5: of the class, one bit is in the first byte and one in the second. */
export function isRequest(bytes: Uint8Array): boolean {
  return isStun(bytes) && ((bytes[0] ?? 0) & 1) === 0 && ((bytes[1] ?? 0) & 0x10) === 0;
}

/** A success or an error. */
function isResponse(bytes: Uint8Array): boolean {
  return isStun(bytes) && ((bytes[0] ?? 0) & 1) === 1;
}

function idOf(message: Uint8Array): string {
  return asciiText(message.subarray(8, headerBytes));
}
