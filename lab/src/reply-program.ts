/**
 * Fresh sessions with one host in one warm process, through the product's public API. For each JSON line
 * ({"count": 11, "early": false}) it makes that many, one after the other, and prints for each how many ms lay between the call of
 * `connect` and the first echo.
 */
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type Connection, connect, type PathKind } from "@fractal-punch/peer";

interface Order {
  readonly count: number;
  readonly early: boolean;
}

/** UDP may lose the question or the answer: it is asked again this often. */
const repeatMs = 100;
const giveUpMs = 10_000;
/** What a session sends at its end is gone then, and the host's limit of introductions is far away. */
const pauseMs = 250;
const question = "hello";

const [invite = ""] = process.argv.slice(2);
for await (const line of createInterface({ input: process.stdin })) {
  const order: Order = JSON.parse(line);
  for (let i = 0; i < order.count; i++) print(await session(order.early));
  print({ event: "done" });
}

async function session(early: boolean): Promise<object> {
  const startedAtMs = performance.now();
  try {
    const connection = await connect(invite, early ? { earlyData: question } : {});
    const connectedMs = performance.now() - startedAtMs;
    const reply = await firstReply(connection, early);
    const ms = performance.now() - startedAtMs;
    await connection.close();
    await sleep(pauseMs);
    return { event: "reply", ms, connectedMs, path: reply };
  } catch (error) {
    return { event: "failed", reason: String(error) };
  }
}

function firstReply(connection: Connection, asked: boolean): Promise<PathKind> {
  return new Promise((resolve, reject) => {
    const repeat = setInterval(() => connection.send(question), repeatMs);
    const end = setTimeout(() => settle(() => reject(new Error(`no reply in ${giveUpMs} ms`))), giveUpMs);
    const settle = (outcome: () => void): void => {
      clearInterval(repeat);
      clearTimeout(end);
      outcome();
    };
    connection.once("message", (_, { path }) => settle(() => resolve(path)));
    connection.once("close", () => settle(() => reject(new Error("the session was closed"))));
    if (!asked) connection.send(question);
  });
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
