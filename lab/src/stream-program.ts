/**
 * A session with a stream of 100 datagrams a second, through the product's public API, to a host that sends them back.
 * It prints each path that the session takes; upon a line of input it stops, waits for the last echoes and prints what was lost.
 */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type PathKind } from "@fractal-punch/peer";

const intervalMs = 10;
const lastEchoesMs = 2000;
const numberBytes = 4;

const [invite = ""] = process.argv.slice(2);
const connection = await connect(invite);
const missing = new Set<number>();
let sent = 0;
let lastPath: PathKind | undefined;
connection.on("path", ({ kind }) => print({ event: kind }));
connection.on("message", (bytes, { path }) => {
  missing.delete(Buffer.from(bytes).readUInt32LE());
  lastPath = path;
});
const startedAtMs = performance.now();
const timer = setInterval(sendDue, intervalMs);
print({ event: connection.path.kind });

for await (const _ of createInterface({ input: process.stdin })) break;
clearInterval(timer);
await sleep(lastEchoesMs);
print({ event: "ended", sent, lost: missing.size, lastLost: Math.max(-1, ...missing), path: lastPath ?? "none" });
await connection.close();

/** A late timer sends what it owes. */
function sendDue(): void {
  for (; sent * intervalMs <= performance.now() - startedAtMs; sent++) {
    const bytes = Buffer.alloc(numberBytes);
    bytes.writeUInt32LE(sent);
    missing.add(sent);
    connection.send(bytes);
  }
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
