import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Lab } from "./lab.ts";
import { runIn } from "./namespace.ts";
import { type LabProcess, textIn } from "./process.ts";
import type { LabNode } from "./topology.ts";

const command = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const serverPort = 48_800;

/** `fractal-punch serve`; fulfilled when it listens. Its state stays on the machine from one start to the next. */
export async function serve(lab: Lab, server: LabNode): Promise<LabProcess> {
  const process = start(lab, server, [
    "serve",
    "--public",
    ...server.addresses.values(),
    "--state",
    stateFolder(server),
  ]);
  await process.next(({ event }) => event === "listening");
  return process;
}

export interface RunningHost {
  readonly process: LabProcess;
  readonly invite: string;
}

/** `fractal-punch host` with a ticket of that server; fulfilled when it is registered. `offer`: "--echo", or "--udp" and an address. */
export async function offer(
  lab: Lab,
  server: LabNode,
  host: LabNode,
  what: readonly string[] = ["--echo"],
): Promise<RunningHost> {
  const minting = [command, "ticket", "lab", "--state", stateFolder(server)];
  const ticket = runIn(server.namespace, process.execPath, minting).trim();
  const running = start(lab, host, ["host", "--server", serverAddress(server), "--ticket", ticket, ...what]);
  const invite = textIn(await running.next(({ event }) => event === "registered"), "invite");
  return { process: running, invite };
}

/** `fractal-punch ping`, running. */
export function ping(lab: Lab, client: LabNode, invite: string, ...options: string[]): LabProcess {
  return start(lab, client, ["ping", invite, ...options]);
}

/** `fractal-punch connect --udp`; fulfilled when the local port is open and the host has answered. */
export async function connect(lab: Lab, client: LabNode, invite: string, udp: string): Promise<LabProcess> {
  const process = start(lab, client, ["connect", invite, "--udp", udp]);
  await process.next(({ event }) => event === "connected");
  return process;
}

function start(lab: Lab, node: LabNode, args: readonly string[]): LabProcess {
  return lab.start(node, process.execPath, [command, ...args, "--json"]);
}

function stateFolder(server: LabNode): string {
  return join(server.namespace.folder, "state");
}

function serverAddress({ namespace, addresses }: LabNode): string {
  const [ip] = addresses.values();
  if (ip === undefined) throw new Error(`${namespace.name} has no address`);
  return ip.includes(":") ? `[${ip}]:${serverPort}` : `${ip}:${serverPort}`;
}
