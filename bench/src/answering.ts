import { encodeBinding, StunBuilder } from "@fractal-punch/wire";
import { openSocket } from "./load-socket.ts";
import { randomOf } from "./randomness.ts";

const repeatMs = 50;
const patienceMs = 10_000;

/** Resolves when the server on that port answers a Binding; rejects when it does not for 10 s. */
export async function answering(port: number): Promise<void> {
  const socket = await openSocket(port);
  const repeat = setInterval(() => socket.send(encodeBinding(new StunBuilder(), randomOf(12), false)), repeatMs);
  const late = AbortSignal.timeout(patienceMs);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.receiver = () => resolve();
      late.addEventListener("abort", () => reject(new Error(`no server answers on port ${port}`)));
    });
  } finally {
    clearInterval(repeat);
    socket.close();
  }
}
