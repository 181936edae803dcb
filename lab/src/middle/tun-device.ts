/** A TUN device: what the kernel sends into it is read here, and what is written here the kernel receives. */
import { closeSync, constants, openSync } from "node:fs";
import type { SystemCalls } from "./system-calls.ts";

const path = "/dev/net/tun";
const setInterface = 0x4004_54ca;
/** IFF_TUN and IFF_NO_PI: whole IP packets, nothing before them. */
const flags = 0x1001;
const requestBytes = 40;
const nameBytes = 16;
const decoder = new TextDecoder();

export class TunDevice {
  /** As the namespace of this process knows it; moving the device to another leaves it attached here. */
  readonly name: string;
  readonly fd: number;
  readonly #calls: SystemCalls;

  /** Makes a device; it ends with `close`, or with this process. Throws where the system refuses. */
  constructor(calls: SystemCalls) {
    this.#calls = calls;
    this.fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const request = new Uint8Array(requestBytes);
    request.set(new TextEncoder().encode("line%d"));
    new DataView(request.buffer).setUint16(nameBytes, flags, true);
    if (calls.ioctl(this.fd, setInterface, request) < 0) {
      const reason = calls.reason();
      this.close();
      throw new Error(`a TUN device cannot be made with ${path}: ${reason}`);
    }
    this.name = decoder.decode(request.subarray(0, request.indexOf(0)));
  }

  /** Reads the next packet into `bytes`; its length, or a negative number when there is none. */
  read(bytes: Uint8Array): number {
    return this.#calls.read(this.fd, bytes, bytes.length);
  }

  /** False when the kernel does not take it: the device is down, say. */
  write(bytes: Uint8Array, lengthBytes: number): boolean {
    return this.#calls.write(this.fd, bytes, lengthBytes) === lengthBytes;
  }

  close(): void {
    closeSync(this.fd);
  }
}
