/** Several sockets on one address, between which the kernel sorts (SO_REUSEPORT). */
import type { PortRequest } from "@fractal-punch/machine";
import { type BoundSocket, bindSocket } from "./socket.ts";
import { level, option } from "./socket-options.ts";
import { errorName, type SystemCalls } from "./system-calls.ts";

/** Instructions of classic BPF. */
const load8 = 0x30;
const and = 0x54;
const jumpIfEqual = 0x15;
const modulo = 0x94;
const add = 0x04;
const returnConstant = 0x06;
const returnValue = 0x16;
const instructionBytes = 8;

/**
 * The first socket is the control plane's, and one is bound for each of `threads` forwarding threads. Gives all of them, or
 * the system's word for why not. Another program on that port is noticed, as with a socket of one's own.
 */
export function bindGroup(calls: SystemCalls, request: PortRequest, threads: number): BoundSocket[] | string {
  // Sockets of one user could join those of another program without either knowing: so first alone.
  const alone = bindSocket(calls, request);
  if (typeof alone === "string") return alone;
  calls.close(alone.fd);
  const sockets: BoundSocket[] = [];
  const { port } = alone.local;
  for (let i = 0; i <= threads; i++) {
    const socket = bindSocket(calls, { ...request, port }, true);
    const failure = typeof socket === "string" ? socket : undefined;
    if (typeof socket !== "string") sockets.push(socket);
    const fault = failure ?? (i === 0 ? sort(calls, sockets[0], threads) : undefined);
    if (fault === undefined) continue;
    for (const { fd } of sockets) calls.close(fd);
    return fault;
  }
  return sockets;
}

/**
 * ChannelData goes to the thread that its number names, all else to the first socket. Of what the kernel hands over
 * together it looks at the first datagram only. What is too short to look at is the first socket's: a load beyond the end
 * gives 0.
 */
function sort(calls: SystemCalls, first: BoundSocket | undefined, threads: number): string | undefined {
  if (first === undefined) return "EBADF";
  const program = [
    [load8, 0, 0, 0],
    [and, 0, 0, 0xc0],
    [jumpIfEqual, 0, 4, 0x40],
    [load8, 0, 0, 1],
    [modulo, 0, 0, threads],
    [add, 0, 0, 1],
    [returnValue, 0, 0, 0],
    [returnConstant, 0, 0, 0],
  ] as const;
  const code = new DataView(new ArrayBuffer(program.length * instructionBytes));
  for (const [i, [operation, ifTrue, ifFalse, constant]] of program.entries()) {
    code.setUint16(i * instructionBytes, operation, true);
    code.setUint8(i * instructionBytes + 2, ifTrue);
    code.setUint8(i * instructionBytes + 3, ifFalse);
    code.setUint32(i * instructionBytes + 4, constant, true);
  }
  const bytes = new Uint8Array(code.buffer);
  const filter = new DataView(new ArrayBuffer(16));
  filter.setUint16(0, program.length, true);
  filter.setBigUint64(8, calls.address(bytes), true);
  const value = new Uint8Array(filter.buffer);
  const result = calls.setsockopt(first.fd, level.socket, option.attachReusePortFilter, value, value.length);
  // Its address alone does not keep the program's bytes alive.
  return result < 0 && bytes.length > 0 ? errorName(calls.error()) : undefined;
}
