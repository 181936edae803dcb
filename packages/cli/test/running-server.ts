/** `fractal-punch serve` on loopback, at ports of the system's choice. */
import type { Event, Machine, RunningCommand } from "./running-command.ts";

export interface RunningServer {
  readonly serve: RunningCommand;
  readonly port: number;
}

export async function startServer(machine: Machine, port = 0, ...args: readonly string[]): Promise<RunningServer> {
  const loopback = ["--listen", "127.0.0.1", "--public", "127.0.0.1"];
  const serve = machine.start(["serve", ...loopback, "--port", String(port), "--port2", "0", "--json", ...args]);
  const listening: Event = await serve.event("listening");
  return { serve, port: Number(listening["port"]) };
}
