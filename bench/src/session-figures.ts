/** What an application sees of a session between two processes on one machine. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Connection, type ConnectOptions, connect } from "@fractal-punch/peer";
import { ticketText } from "@fractal-punch/wire";
import { type Figure, median } from "./figures.ts";
import { RunningProgram } from "./running-program.ts";
import type { Served } from "./served.ts";

const connects = 11;
const goodputMs = 3_000;
const directWithinMs = 5_000;
/** How much may be under way: less than the sockets' buffers hold. */
const windowDatagrams = 256;
const sinkPath = fileURLToPath(new URL("sink.js", import.meta.url));

export async function sessionFigures(served: Served, invite: string, folder: string): Promise<Figure[]> {
  const client = { folder: join(folder, "client") };
  return [
    { name: "connect() to the first reply", value: await firstReplyMs(invite, client), unit: "ms" },
    {
      name: "the same with early data",
      value: await firstReplyMs(invite, { ...client, earlyData: "hello" }),
      unit: "ms",
    },
    { name: "goodput of one direct session", value: await goodputMbits(served, folder), unit: "Mbit/s" },
  ];
}

/** Median; the host echoes. */
async function firstReplyMs(invite: string, options: ConnectOptions): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < connects; i++) {
    const start = performance.now();
    const connection = await connect(invite, options);
    if (options.earlyData === undefined) connection.send("hello");
    await new Promise((resolve) => connection.once("message", resolve));
    times.push(performance.now() - start);
    await connection.close();
  }
  return median(times);
}

async function goodputMbits(served: Served, folder: string): Promise<number> {
  const environment = {
    BENCH_SERVER: served.address,
    BENCH_TICKET: ticketText(served.mint("sink")),
    BENCH_FOLDER: join(folder, "sink"),
  };
  const sink = new RunningProgram([sinkPath], environment);
  const { invite } = await sink.event("registered");
  const connection = await connect(String(invite), { folder: join(folder, "client") });
  await untilDirect(connection);
  const bytes = await pour(connection);
  await connection.close();
  await sink.stop();
  return (8 * bytes) / 1000 / goodputMs;
}

/** Bytes that arrived, by what the sink says of every 32nd datagram. */
function pour(connection: Connection): Promise<number> {
  const datagram = new Uint8Array(connection.maxDatagramBytes);
  const view = new DataView(datagram.buffer);
  let sent = 0;
  let arrived = 0;
  const fill = (): void => {
    for (; sent < arrived + windowDatagrams; sent++) {
      view.setUint32(0, sent);
      connection.send(datagram);
    }
  };
  return new Promise((resolve) => {
    connection.on("message", (answer) => {
      arrived = new DataView(answer.buffer, answer.byteOffset).getUint32(0);
      fill();
    });
    fill();
    setTimeout(() => {
      connection.removeAllListeners("message");
      resolve(arrived * datagram.length);
    }, goodputMs);
  });
}

function untilDirect(connection: Connection): Promise<void> {
  if (connection.path.kind === "direct") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the session on loopback is not direct")), directWithinMs);
    connection.on("path", ({ kind }) => {
      if (kind !== "direct") return;
      clearTimeout(timer);
      resolve();
    });
  });
}
