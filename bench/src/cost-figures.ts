/** What a datagram costs the parts of a peer that lie between its sockets. */
import { fileURLToPath } from "node:url";
import type { Figure } from "./figures.ts";
import { type Fields, RunningProgram } from "./running-program.ts";

/** Of the 8 us that an end has for a datagram with its sockets: little beyond the cipher. */
const machine = { atMost: 3 };
const tunnel = { atMost: 0.6 };

export async function costFigures(): Promise<Figure[]> {
  const session = await measuredBy("session-cost.js");
  const framing = await measuredBy("tunnel-cost.js");
  return [
    micros("a session's datagram: CPU time of its cipher", session["cipherMicros"]),
    micros("the same, and the sender's machine around it", session["sendMicros"], machine),
    micros("the same, of the receiver's machine", session["receiveMicros"], machine),
    { name: "memory that the sender's machine makes for it", value: Number(session["sendBytes"]), unit: "B" },
    { name: "memory that the receiver's machine makes for it", value: Number(session["receiveBytes"]), unit: "B" },
    micros("a tunnel's datagram: CPU time of framing and connection, sender", framing["sendMicros"], tunnel),
    micros("the same, receiver", framing["receiveMicros"], tunnel),
    micros("one that is cut in two: sender", framing["sendCutMicros"]),
    micros("the same, receiver", framing["receiveCutMicros"]),
  ];
}

async function measuredBy(name: string): Promise<Fields> {
  const program = new RunningProgram([fileURLToPath(new URL(name, import.meta.url))], {});
  const fields = await program.event("measured");
  await program.stop();
  return fields;
}

function micros(name: string, value: unknown, bar: Partial<Figure> = {}): Figure {
  return { name, value: Number(value), unit: "us", ...bar };
}
