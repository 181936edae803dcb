import { once } from "node:events";
import type { Socket } from "node:net";

/** All that comes until the far end closes; an error when it is reset. */
export async function wholeOf(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  socket.on("data", (piece: Buffer) => pieces.push(piece)).resume();
  await once(socket, "end");
  return Buffer.concat(pieces);
}
