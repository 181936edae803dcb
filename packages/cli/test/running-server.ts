/** `fractal-punch serve` on loopback, at ports of the system's choice. */
import assert from "node:assert/strict";
import type { Event, Machine, RunningCommand } from "./running-command.ts";

export interface RunningServer {
  readonly serve: RunningCommand;
  readonly port: number;
  readonly hasTcp: boolean;
  /** What it said when it was ready. */
  readonly listening: Event;
}

const mostTries = 20;

export async function startServer(machine: Machine, port = 0, ...args: readonly string[]): Promise<RunningServer> {
  const loopback = ["--listen", "127.0.0.1", "--public", "127.0.0.1"];
  const serve = machine.start([
    "serve",
    ...loopback,
    "--port",
    String(port),
    "--port2",
    "0",
    "--tls-port",
    "0",
    "--json",
    ...args,
  ]);
  const listening: Event = await serve.event("listening");
  return { serve, port: Number(listening["port"]), hasTcp: String(listening["tcpAddresses"]) !== "", listening };
}

/** One that has TCP, too: connections that ended a minute ago may still have the port that the system chose for UDP. */
export async function startTcpServer(machine: Machine, ...args: readonly string[]): Promise<RunningServer> {
  for (let tries = 0; tries < mostTries; tries++) {
    const server = await startServer(machine, 0, ...args);
    if (server.hasTcp) return server;
    await server.serve.signal("SIGTERM");
  }
  assert.fail(`none of ${mostTries} servers could listen for TCP`);
}
