import {
  type Address,
  addressFromWords,
  addressWords,
  type PortRequest,
  withPort,
  writeAddressWords,
} from "@fractal-punch/machine";
import { nameBytes, nameLength, readName, writeName } from "./socket-names.ts";
import { level, mtuDiscovery, option } from "./socket-options.ts";
import { errorName, type SystemCalls } from "./system-calls.ts";

const inet = { 4: 2, 6: 10 } as const;
const datagramNonBlockingCloseOnExec = 2 | 0o4000 | 0o2000000;

/** Holds a burst of 800 datagrams of 1,200 bytes; systems cut it down to what they allow. */
const bufferBytes = 1_048_576;

const anyAddress: Record<4 | 6, Address> = {
  4: { family: 4, ip: 0, port: 0 },
  6: { family: 6, ip: "\0".repeat(16), port: 0 },
};

/** Whether a kernel takes several datagrams as one is asked for the first socket only: a server opens thousands. */
const segmenting = new WeakMap<SystemCalls, boolean>();

const optionValue = new Int32Array(1);
const optionBytes = new Uint8Array(optionValue.buffer);

export interface BoundSocket {
  readonly fd: number;
  readonly local: Address;
  /** Whether the kernel takes several datagrams as one, and hands them over so. */
  readonly segments: boolean;
  readonly gathers: boolean;
}

/** A socket of UDP, bound as requested, alone or with others; or the system's word for why there is none. */
export function bindSocket(calls: SystemCalls, request: PortRequest, isOneOfMany = false): BoundSocket | string {
  const fd = calls.socket(inet[request.family], datagramNonBlockingCloseOnExec, 0);
  if (fd < 0) return errorName(calls.error());
  const failure = bind(calls, fd, request, isOneOfMany);
  if (failure !== undefined) {
    calls.close(fd);
    return failure;
  }
  return { fd, local: localOf(calls, fd, request), ...setOptions(calls, fd, request) };
}

function bind(calls: SystemCalls, fd: number, request: PortRequest, isOneOfMany: boolean): string | undefined {
  if (isOneOfMany && !set(calls, fd, level.socket, option.reusePort, 1)) return errorName(calls.error());
  if (request.family === 6 && !set(calls, fd, level.ip6, option.ip6Only, 1)) return errorName(calls.error());
  const words = new Uint32Array(addressWords);
  if (request.local !== undefined) writeAddressWords(words, 0, request.local);
  words[0] = request.family * 65_536 + request.port;
  return calls.bind(fd, nameOf(words), nameLength(words, 0)) < 0 ? errorName(calls.error()) : undefined;
}

/** The system's word for why it cannot be, or nothing. */
export function connectSocket(calls: SystemCalls, fd: number, to: Address): string | undefined {
  const words = new Uint32Array(addressWords);
  writeAddressWords(words, 0, to);
  return calls.connect(fd, nameOf(words), nameLength(words, 0)) < 0 ? errorName(calls.error()) : undefined;
}

function nameOf(words: Uint32Array): Uint8Array {
  const name = new Uint32Array(8);
  writeName(name, 0, words, 0);
  return new Uint8Array(name.buffer);
}

function localOf(calls: SystemCalls, fd: number, request: PortRequest): Address {
  if (request.port !== 0) return withPort(request.local ?? anyAddress[request.family], request.port);
  const name = new Uint32Array(8);
  const length = new Uint32Array([nameBytes]);
  const words = new Uint32Array(addressWords);
  calls.getsockname(fd, new Uint8Array(name.buffer), new Uint8Array(length.buffer));
  readName(name, 0, words, 0);
  const bound = addressFromWords(words, 0);
  return request.local === undefined ? bound : withPort(request.local, bound.port);
}

/** What the kernel does not have is done without: smaller buffers, no ECN, datagrams one by one. */
function setOptions(calls: SystemCalls, fd: number, request: PortRequest): Pick<BoundSocket, "segments" | "gathers"> {
  if (request.lean !== true) {
    set(calls, fd, level.socket, option.receiveBuffer, bufferBytes);
    set(calls, fd, level.socket, option.sendBuffer, bufferBytes);
  }
  if (request.family === 4) {
    set(calls, fd, level.ip, option.ipReceiveTos, 1);
    // Where it is bound to all of them, answers have to leave from the address that was asked.
    if (request.local === undefined) set(calls, fd, level.ip, option.ipPacketInfo, 1);
  } else {
    set(calls, fd, level.ip6, option.ip6ReceiveTrafficClass, 1);
    if (request.local === undefined) set(calls, fd, level.ip6, option.ip6ReceivePacketInfo, 1);
  }
  const gathers = set(calls, fd, level.udp, option.udpGro, 1);
  let segments = segmenting.get(calls);
  if (segments === undefined) segmenting.set(calls, (segments = set(calls, fd, level.udp, option.udpSegment, 0)));
  return { gathers, segments };
}

/** Whether what is sent from now on must stay whole on its way; gives the system's word for why that cannot be, or nothing. */
export function setWhole(calls: SystemCalls, fd: number, family: 4 | 6, isWhole: boolean): string | undefined {
  const [ofLevel, name] = family === 4 ? [level.ip, option.ipMtuDiscover] : [level.ip6, option.ip6MtuDiscover];
  const value = isWhole ? mtuDiscovery.probe : mtuDiscovery.want;
  return set(calls, fd, ofLevel, name, value) ? undefined : errorName(calls.error());
}

function set(calls: SystemCalls, fd: number, ofLevel: number, name: number, value: number): boolean {
  optionValue[0] = value;
  return calls.setsockopt(fd, ofLevel, name, optionBytes, optionBytes.length) === 0;
}
