/** The requests of the classic protocols, written by hand from their description. */
import { type Address, ipBytes } from "@fractal-punch/machine";
import { asciiBytes } from "@fractal-punch/wire";

/** Of generation 1: "V", or an address and "C". */
export function text(characters: string): Uint8Array {
  return asciiBytes(characters);
}

export function ask(cloud: Address, publicPort: number): Uint8Array {
  return Uint8Array.of(0, 0, 0, 0, ...ipBytes(cloud), 0, 0, publicPort >> 8, publicPort & 0xff);
}

export function post(publicPort: number): Uint8Array {
  return Uint8Array.of(1, 0, 0, 0, 10, 0, 0, 5, 0, 0, publicPort >> 8, publicPort & 0xff);
}

/** Whom an answer of 8 bytes tells of; `undefined` when it says that nobody is there, or is no answer. */
export function peerIn(bytes: Uint8Array): Address | undefined {
  if (bytes.length !== 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const port = view.getUint16(4);
  return port === 0 ? undefined : { family: 4, ip: view.getUint32(0), port };
}

/** Answers and notices as "ip port port". */
export function answerText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return `${bytes.subarray(0, 4).join(".")} ${view.getUint16(4)} ${view.getUint16(6)}`;
}
