/** A program of the bench: a host that takes datagrams, and answers every 32nd with how many came. */
import { type Connection, listen } from "@fractal-punch/peer";

const answerEvery = 32;

const listener = await listen({ server: setting("SERVER"), ticket: setting("TICKET"), folder: setting("FOLDER") });
listener.on("registered", () => console.log(JSON.stringify({ event: "registered", invite: listener.invite })));
listener.on("session", sink);
process.on("SIGTERM", () => void listener.close());

function sink(connection: Connection): void {
  let count = 0;
  const answer = new DataView(new ArrayBuffer(4));
  connection.on("message", () => {
    count++;
    if (count % answerEvery !== 0) return;
    answer.setUint32(0, count);
    connection.send(new Uint8Array(answer.buffer));
  });
}

function setting(name: string): string {
  const value = process.env[`BENCH_${name}`];
  if (value === undefined) throw new Error(`BENCH_${name} is not set`);
  return value;
}
