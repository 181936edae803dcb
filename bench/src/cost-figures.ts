/** What a datagram costs the parts of a peer that lie between its sockets. */
import { fileURLToPath } from "node:url";
import type { Figure } from "./figures.ts";
import { RunningProgram } from "./running-program.ts";

const sessionProgram = fileURLToPath(new URL("session-cost.js", import.meta.url));
/** Little beyond the cipher, of the 8 us that an end has with its sockets. */
const mostMicros = 3;

export async function costFigures(): Promise<Figure[]> {
  const program = new RunningProgram([sessionProgram], {});
  const measured = await program.event("measured");
  await program.stop();
  const figure = (name: string, field: string, unit: string, bar: Partial<Figure> = {}): Figure => ({
    name: `a session's datagram: ${name}`,
    value: Number(measured[field]),
    unit,
    ...bar,
  });
  return [
    figure("CPU time of the cipher", "cipherMicros", "us"),
    figure("CPU time of the sender's machine, cipher included", "sendMicros", "us", { atMost: mostMicros }),
    figure("CPU time of the receiver's machine, cipher included", "receiveMicros", "us", { atMost: mostMicros }),
    figure("memory that the sender's machine makes", "sendBytes", "B"),
    figure("memory that the receiver's machine makes", "receiveBytes", "B"),
  ];
}
