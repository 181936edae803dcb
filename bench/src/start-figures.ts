/** How long `npm start` takes until the server is ready, when there is nothing to install or build. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Figure, median } from "./figures.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The first one may still have to build. */
const starts = 4;
const patienceMs = 60_000;

export async function startFigures(folder: string): Promise<Figure[]> {
  const state = join(folder, "start");
  const times: number[] = [];
  for (let i = 0; i < starts; i++) times.push(await startMs(state));
  return [{ name: "npm start until the server is ready", value: median(times.slice(1)), unit: "ms", atMost: 1000 }];
}

async function startMs(state: string): Promise<number> {
  const start = performance.now();
  const npm = process.env["npm_execpath"];
  const [program, args] = npm === undefined ? ["npm", []] : [process.execPath, [npm]];
  const loopback = ["--listen", "127.0.0.1", "--public", "127.0.0.1", "--port", "0", "--port2", "0", "--state", state];
  const child = spawn(program, [...args, "start", "--", ...loopback], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    signal: AbortSignal.timeout(patienceMs),
  });
  const ended = once(child, "close");
  let printed = "";
  const ready = new Promise<number>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      if (printed.includes('"event":"listening"')) resolve(performance.now() - start);
    });
  });
  const failed = ended.then(() => Promise.reject(new Error(`npm start ended before the server was ready: ${printed}`)));
  const tookMs = await Promise.race([ready, failed]);
  child.kill("SIGTERM");
  await ended;
  return tookMs;
}
