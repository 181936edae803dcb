/** Nonces prove an address and cost no memory (docs/protocol.md section 2): a time, and an HMAC over it and the address. */
import { type Address, equalBytes, ipBytes, type Macs } from "@fractal-punch/machine";
import {
  asciiBytes,
  asciiText,
  ByteWriter,
  base64UrlBytes,
  base64UrlText,
  concatBytes,
  readU32,
  writeU32,
} from "@fractal-punch/wire";

const timeBytes = 4;
const macBytes = 16;
const textBytes = 27;

export class Nonces {
  readonly #macs: Macs;
  readonly #key: Uint8Array;
  readonly #lifeSeconds: number;

  constructor(macs: Macs, secret: Uint8Array, lifeMs: number) {
    this.#macs = macs;
    this.#key = macs.hmacSha256(secret, asciiBytes("fractal-punch nonce key"));
    this.#lifeSeconds = lifeMs / 1000;
  }

  /** `isStream`: an address of TCP or TLS, which proves nothing of the same one of UDP. */
  make(address: Address, isStream: boolean, epochMs: number): Uint8Array {
    const time = new Uint8Array(timeBytes);
    writeU32(time, 0, Math.floor(epochMs / 1000));
    return asciiBytes(base64UrlText(concatBytes(time, this.#mac(address, isStream, time))));
  }

  /** Whether this server made it for that address, and not too long ago. */
  matches(nonce: Uint8Array, address: Address, isStream: boolean, epochMs: number): boolean {
    const bytes = nonce.length === textBytes ? base64UrlBytes(asciiText(nonce)) : undefined;
    if (bytes === undefined) return false;
    const ageSeconds = Math.floor(epochMs / 1000) - readU32(bytes, 0);
    if (ageSeconds < 0 || ageSeconds > this.#lifeSeconds) return false;
    return equalBytes(bytes.subarray(timeBytes), this.#mac(address, isStream, bytes.subarray(0, timeBytes)));
  }

  #mac(address: Address, isStream: boolean, time: Uint8Array): Uint8Array {
    const data = new ByteWriter().u8(address.family).raw(ipBytes(address)).u16(address.port).raw(time);
    if (isStream) data.u8(1);
    return this.#macs.hmacSha256(this.#key, data.done()).subarray(0, macBytes);
  }
}
