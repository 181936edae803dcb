/** turnutils_peer: sends back what it receives on a port of UDP, and on the next one. */
import { freePort } from "./free-port.ts";
import { startProgram } from "./program.ts";

/** None of the server's: to itself it relays only between its own clients. */
const ip = "127.0.0.3";

export class Peer {
  readonly ip: string = ip;
  readonly port: number;
  readonly close: () => void;

  private constructor(port: number, close: () => void) {
    this.port = port;
    this.close = close;
  }

  static async start(): Promise<Peer> {
    const port = await freePort([ip]);
    return new Peer(port, startProgram("turnutils_peer", ["-L", ip, "-p", String(port)]));
  }
}
