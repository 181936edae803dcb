/**
 * The two protocols of Fractal's old programs (docs/protocol.md section 13), of 2019 and 2020. Both know IPv4 only. Addresses and
 * ports are in network order; the type is as an x86 has it in memory.
 *
 * text      | 0 to 15 digits and dots | "C" or "V" |          "C": an address, and a client that wants the VM there
 * endpoint  | ip 4 | port 2 | 0, 0 |                          answers a text
 * request   | type 4 | ip 4 | private port 2 | public port 2 |
 * answer    | ip 4 | private port 2 | public port 2 |         answers an ASK, and is the notice to who posted
 */
import { type Address4, addressFromIpText } from "@fractal-punch/machine";
import { readU16, readU32, writeU16, writeU32 } from "./bytes.ts";
import { datagramKind } from "./demux.ts";
import { asciiText } from "./text.ts";

/** `ip` and `publicPort` say what an ASK wants, and a POST offers its public port. */
export interface ClassicRequest {
  readonly type: "ask" | "post";
  readonly ip: number;
  readonly publicPort: number;
}

/** A VM's address text says nothing: what counts is where it comes from. */
export type ClassicText = { readonly type: "client"; readonly vmIp: number } | { readonly type: "vm" };

/** What is wrong with a datagram that was meant to be a classic one. */
export type ClassicFault = "empty" | "bad-size" | "bad-type" | "bad-address" | "no-address";

export const classicRequestBytes = 12;
/** No classic datagram is longer. */
export const maxClassicBytes = 16;

const ask = 0x0000_0000;
const post = 0x0100_0000;
const clientRole = 0x43;
const vmRole = 0x56;
const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;

/** Whether the first four bytes, of a stream for example, are a request's. STUN has no method 0, so they are none of its. */
export function startsClassicRequest(bytes: Uint8Array): boolean {
  const type = readU32(bytes, 0);
  return bytes.length >= 4 && (type === ask || type === post);
}

/** `undefined` when it is none. */
export function readClassicRequest(bytes: Uint8Array): ClassicRequest | undefined {
  if (bytes.length !== classicRequestBytes || !startsClassicRequest(bytes)) return undefined;
  const type = readU32(bytes, 0) === ask ? "ask" : "post";
  return { type, ip: readU32(bytes, 4), publicPort: readU16(bytes, 10) };
}

/** `undefined` when it is none, or a client's without an address. */
export function readClassicText(bytes: Uint8Array): ClassicText | undefined {
  if (bytes.length > maxClassicBytes || !hasTextForm(bytes)) return undefined;
  if (bytes[bytes.length - 1] === vmRole) return { type: "vm" };
  const vm = addressFromIpText(asciiText(bytes.subarray(0, -1)), 0);
  return vm?.family === 4 ? { type: "client", vmIp: vm.ip } : undefined;
}

/** Only for what was read as nothing else; `undefined` when it does not look like a classic datagram either. */
export function classicFault(bytes: Uint8Array): ClassicFault | undefined {
  if (bytes.length === 0) return "empty";
  if (hasTextForm(bytes)) return bytes.length === 1 ? "no-address" : "bad-address";
  if (startsClassicRequest(bytes)) return bytes.length === classicRequestBytes ? undefined : "bad-size";
  return bytes.length === classicRequestBytes && datagramKind(bytes) !== "channel-data" ? "bad-type" : undefined;
}

/** Digits and dots, and a role behind them. */
function hasTextForm(bytes: Uint8Array): boolean {
  const last = bytes.length - 1;
  if (bytes[last] !== clientRole && bytes[last] !== vmRole) return false;
  for (let i = 0; i < last; i++) {
    const character = bytes[i] ?? 0;
    if (character !== dot && (character < zero || character > nine)) return false;
  }
  return true;
}

/** Answers a text: 8 bytes, the last two of them the padding of the old structure. */
export function encodeClassicEndpoint({ ip, port }: Address4): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU32(bytes, 0, ip);
  writeU16(bytes, 4, port);
  return bytes;
}

/** The answer to an ASK, where private port 0 means that nobody posted; or a notice, with public port 0. */
export function encodeClassicAnswer(ip: number, privatePort: number, publicPort: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU32(bytes, 0, ip);
  writeU16(bytes, 4, privatePort);
  writeU16(bytes, 6, publicPort);
  return bytes;
}
