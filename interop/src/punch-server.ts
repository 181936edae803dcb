/** The server under test: the built command on loopback, with a state folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";
import { runProgram } from "./program.ts";

const commandPath = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const patienceMs = 10_000;

export interface PunchServer {
  readonly port: number;
  readonly secondPort: number;
  readonly tlsPort: number;
  readonly secret: string;
  readonly username: string;
  readonly password: string;
  readonly urls: readonly string[];
  /** For browsers, as `ticket turn` prints it. */
  readonly iceServers: string;
}

/**
 * Does the work while a server listens on these addresses of loopback. Throws, with what the server said, when it does
 * not come up.
 */
export async function withServer<T>(
  addresses: readonly string[],
  work: (server: PunchServer) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "fractal-punch-interop-"));
  const state = join(folder, "state");
  const [port, secondPort] = [await freePort(addresses), await freePort(addresses)];
  const tlsPort = await freePort(addresses);
  const users = join(folder, "users");
  await writeFile(users, "static:interop\n", { mode: 0o600 });
  const child = serve(state, users, { port, secondPort, tlsPort }, addresses);
  const closed = once(child, "close");
  try {
    await listening(child);
    const secret = (await readFile(join(state, "secret"), "utf8")).trim();
    const iceServers = await mintTicket(state);
    const [{ urls, username, credential }] = iceServers;
    const ticket = { urls, username, password: credential, iceServers: JSON.stringify(iceServers) };
    return await work({ port, secondPort, tlsPort, secret, ...ticket });
  } finally {
    child.kill("SIGTERM");
    await closed;
    await rm(folder, { recursive: true, force: true });
  }
}

interface Ticket {
  readonly urls: readonly string[];
  readonly username: string;
  readonly credential: string;
}

/** Peers of the cases are on loopback, to which a server relays for nobody unless it is told to. */
function serve(
  state: string,
  users: string,
  { port, secondPort, tlsPort }: Pick<PunchServer, "port" | "secondPort" | "tlsPort">,
  addresses: readonly string[],
): ChildProcess {
  const ports = ["--port", String(port), "--port2", String(secondPort), "--tls-port", String(tlsPort)];
  const reach = [
    "--listen",
    ...addresses,
    "--public",
    ...addresses,
    "--relay-allow",
    "127.0.0.0/8",
    "--turn-users",
    users,
  ];
  const args = [commandPath, "serve", "--json", "--state", state, ...ports, ...reach];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}

async function listening(child: ChildProcess): Promise<void> {
  const { stdout } = child;
  if (stdout === null) throw new Error("the server has no standard output");
  const said: string[] = [];
  const timer = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  const lines = createInterface({ input: stdout });
  const heard = new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      said.push(line);
      if (line.includes('"event":"listening"')) resolve();
    });
    lines.once("close", () => reject(new Error(`the server did not come up:\n${said.join("\n")}`)));
  });
  await heard.finally(() => clearTimeout(timer));
}

async function mintTicket(state: string): Promise<[Ticket]> {
  const args = [commandPath, "ticket", "turn", "interop", "--ttl", "1h", "--json", "--state", state];
  const { output } = await runProgram(process.execPath, args, patienceMs);
  const line = output.split("\n").find((text) => text.startsWith("{"));
  if (line === undefined) throw new Error(`"ticket turn" printed no credentials:\n${output}`);
  const printed: { iceServers: [Ticket] } = JSON.parse(line);
  return printed.iceServers;
}
