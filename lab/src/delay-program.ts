/**
 * Measures how long datagrams are on their way, independent of the product and of the links' model. `receive IP PORT COUNT`
 * prints the delays of so many stamped datagrams when it has them; `send IP PORT COUNT` sends them. All processes of a machine read one monotonic clock.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { hurry, loadSystemCalls } from "./middle/system-calls.ts";

const intervalMs = 4;
const datagramBytes = 200;
const nanosecondsAMs = 1e6;

const [role, ip = "", port, count] = process.argv.slice(2);
hurry(await loadSystemCalls());
const socket = createSocket("udp4");
if (role === "receive") await receive(Number(count));
else await send(Number(count));
socket.close();

async function receive(datagrams: number): Promise<void> {
  socket.bind(Number(port), ip);
  await once(socket, "listening");
  print({ event: "listening" });
  const delays = await new Promise<readonly number[]>((resolve) => {
    const received: number[] = [];
    socket.on("message", (bytes) => {
      received.push(Number(process.hrtime.bigint() - bytes.readBigInt64LE()) / nanosecondsAMs);
      if (received.length === datagrams) resolve(received);
    });
  });
  print({ event: "received", delays });
}

async function send(datagrams: number): Promise<void> {
  const bytes = Buffer.alloc(datagramBytes);
  socket.connect(Number(port), ip);
  await once(socket, "connect");
  for (let i = 0; i < datagrams; i++) {
    bytes.writeBigInt64LE(process.hrtime.bigint());
    socket.send(bytes);
    await sleep(intervalMs);
  }
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
