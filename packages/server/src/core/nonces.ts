/** Nonces prove an address and cost no memory (docs/protocol.md section 2): a time, and an HMAC over it and the address. */
import { type Address, equalBytes, ipBytes, type Macs } from "@fractal-punch/machine";
import {
  asciiBytes,
  asciiText,
  base64UrlAscii,
  base64UrlBytes,
  concatBytes,
  readU32,
  writeU16,
  writeU32,
} from "@fractal-punch/wire";

const timeBytes = 4;
const macBytes = 16;
const textBytes = 27;

/** Family, address, port, time; and one byte more of a stream. */
const longestBytes = 1 + 16 + 2 + timeBytes + 1;

export class Nonces {
  readonly #macs: Macs;
  readonly #key: Uint8Array;
  readonly #lifeSeconds: number;
  readonly #data = new Uint8Array(longestBytes);
  readonly #nonce = new Uint8Array(timeBytes + macBytes);

  /**
   * `epoch`: the server's, random once for each start. A Register that somebody recorded before a restart must not be taken after
   * it: the server does not know any more which instances of a host were replaced.
   */
  constructor(macs: Macs, secret: Uint8Array, epoch: Uint8Array, lifeMs: number) {
    this.#macs = macs;
    this.#key = macs.hmacSha256(secret, concatBytes(asciiBytes("fractal-punch nonce key"), epoch));
    this.#lifeSeconds = lifeMs / 1000;
  }

  /** `isStream`: an address of TCP or TLS, which proves nothing of the same one of UDP. */
  make(address: Address, isStream: boolean, epochMs: number): Uint8Array {
    const seconds = Math.floor(epochMs / 1000);
    writeU32(this.#nonce, 0, seconds);
    this.#nonce.set(this.#mac(address, isStream, seconds), timeBytes);
    return base64UrlAscii(this.#nonce);
  }

  /** Whether this server made it since it was started, for that address, and not too long ago. */
  matches(nonce: Uint8Array, address: Address, isStream: boolean, epochMs: number): boolean {
    const bytes = nonce.length === textBytes ? base64UrlBytes(asciiText(nonce)) : undefined;
    if (bytes === undefined) return false;
    const seconds = readU32(bytes, 0);
    const ageSeconds = Math.floor(epochMs / 1000) - seconds;
    if (ageSeconds < 0 || ageSeconds > this.#lifeSeconds) return false;
    return equalBytes(bytes.subarray(timeBytes), this.#mac(address, isStream, seconds));
  }

  #mac(address: Address, isStream: boolean, seconds: number): Uint8Array {
    const data = this.#data;
    const portAt = address.family === 4 ? 5 : 17;
    data[0] = address.family;
    if (address.family === 4) writeU32(data, 1, address.ip);
    else data.set(ipBytes(address), 1);
    writeU16(data, portAt, address.port);
    writeU32(data, portAt + 2, seconds);
    const end = portAt + 2 + timeBytes;
    data[end] = 1;
    return this.#macs.hmacSha256(this.#key, data.subarray(0, isStream ? end + 1 : end)).subarray(0, macBytes);
  }
}
