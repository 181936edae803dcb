/** The UDP sockets of a tunnel's ends. */
import { createSocket, type Socket } from "node:dgram";
import { PunchError } from "@fractal-punch/peer";
import { type UdpAddress, udpAddressText } from "./udp-address.ts";

/** With a lookup of its own a socket sends at once: node would wait a tick even for numeric addresses. */
export function udpSocket(family: 4 | 6): Socket {
  return createSocket({
    type: family === 6 ? "udp6" : "udp4",
    lookup: (name, _options, callback) => callback(null, name, family),
  });
}

/** Larger than any datagram of a tunnel. */
const slotBytes = 8_192;
let slot = new Uint8Array(slotBytes);

/**
 * Sends bytes that are the caller's for the call only, to an address or to where the socket is connected. Node has read
 * the slot when `send` returns, unless the system's buffer is full: then it needs it until that has room.
 */
export function sendLent(socket: Socket, data: Uint8Array, port?: number, ip?: string): void {
  slot.set(data);
  socket.send(slot, 0, data.length, port, ip);
  if (socket.getSendQueueCount() > 0) slot = new Uint8Array(slotBytes);
}

/** A socket that listens on `address`. Rejects with USAGE, saying what to do, when it cannot. */
export async function boundSocket(address: UdpAddress): Promise<Socket> {
  const socket = udpSocket(address.family);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("listening", resolve);
      socket.bind(address.port, address.ip);
    });
  } catch (error) {
    socket.close();
    throw new PunchError("USAGE", `Cannot listen on UDP ${udpAddressText(address)}: ${bindFault(error)}`, error);
  }
  socket.removeAllListeners("error");
  return socket;
}

function bindFault(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return "another program uses this port. End that program, or choose another port.";
  if (code === "EADDRNOTAVAIL") return "this machine does not have that address. Choose 127.0.0.1 or one that it has.";
  if (code === "EACCES") return "ports below 1024 need privilege. Choose a higher port.";
  return error instanceof Error ? error.message : String(error);
}
