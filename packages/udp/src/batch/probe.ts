import { Arena } from "./arena.ts";
import { ReceiveBatch, receiveBatchBytes } from "./receive-batch.ts";
import { bindSocket } from "./socket.ts";
import { errorName, type SystemCalls } from "./system-calls.ts";

const loopback = { family: 4, local: { family: 4, ip: 0x7f00_0001, port: 0 }, port: 0 } as const;

/** What of the batch driver works here, for people; or why nothing does. Tried on a socket of loopback's. */
export function probe(calls: SystemCalls): { readonly works: string } | string {
  const socket = bindSocket(calls, loopback);
  if (typeof socket === "string") return `a socket of UDP cannot be had (${socket})`;
  try {
    const error = errorName(-new ReceiveBatch(calls, new Arena(calls, receiveBatchBytes)).fill(socket.fd));
    // Nothing has come, which is what it has to say.
    if (error !== "EAGAIN") return `recvmmsg does not work (${error})`;
    const missing = [socket.gathers ? [] : ["GRO"], socket.segments ? [] : ["GSO"]].flat();
    const without = missing.length === 0 ? "" : `; the kernel has no ${missing.join(" and no ")} for UDP`;
    return { works: `recvmmsg and sendmmsg work here${without}` };
  } finally {
    calls.close(socket.fd);
  }
}
