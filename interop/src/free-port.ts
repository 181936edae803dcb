import { createSocket } from "node:dgram";
import { once } from "node:events";

const tries = 32;

/**
 * A UDP port that is free on all of the addresses, and even, with a free one above it on the first: the system chooses.
 * Throws when it finds none.
 */
export async function freePort(addresses: readonly string[]): Promise<number> {
  const [first = "127.0.0.1", ...others] = addresses;
  for (let left = tries; left > 0; left--) {
    const port = await boundPort(first, 0);
    if (port === undefined || port % 2 === 1) continue;
    const neighbours = await Promise.all([
      boundPort(first, port + 1),
      ...others.map((other) => boundPort(other, port)),
    ]);
    if (!neighbours.includes(undefined)) return port;
  }
  throw new Error(`no UDP port is free on all of ${addresses.join(", ")}`);
}

/** The port, free again; `undefined` when it is taken. */
async function boundPort(address: string, port: number): Promise<number | undefined> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  try {
    const bound = once(socket, "listening");
    socket.bind(port, address);
    await bound;
    return socket.address().port;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}
