/** turnutils_peer: sends back what it receives on a port of UDP, and on the next one. */
import { freePort } from "./free-port.ts";
import { startProgram } from "./program.ts";

/** None of the server's: to itself it relays only between its own clients. */
const ip = "127.0.0.3";

export interface Peer {
  readonly ip: string;
  readonly port: number;
}

export async function withPeer<T>(work: (peer: Peer) => Promise<T>): Promise<T> {
  const port = await freePort([ip]);
  const { end } = startProgram("turnutils_peer", ["-L", ip, "-p", String(port)]);
  try {
    return await work({ ip, port });
  } finally {
    end();
  }
}
