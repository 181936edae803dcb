/** coturn's own server, for our programs to ask: on loopback. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { startProgram } from "./program.ts";

export interface Coturn {
  readonly port: number;
  /** Absent when it is not installed. */
  readonly pid: number | undefined;
}

export interface CoturnOptions {
  /** Its users' passwords follow from it, as ours do. */
  readonly secret: string;
  readonly relayPorts: { readonly first: number; readonly last: number };
}

/** It may still be starting when the work begins. */
export async function withCoturn<T>(
  { secret, relayPorts }: CoturnOptions,
  work: (coturn: Coturn) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "fractal-punch-coturn-"));
  const port = await freePort(["127.0.0.1", "::1"]);
  const files = [`--userdb=${join(folder, "users")}`, `--pidfile=${join(folder, "pid")}`, "--log-file=stdout"];
  const where = ["--listening-ip=127.0.0.1", "--listening-ip=::1", "--relay-ip=127.0.0.1", `--listening-port=${port}`];
  const range = [`--min-port=${relayPorts.first}`, `--max-port=${relayPorts.last}`];
  const users = ["--use-auth-secret", `--static-auth-secret=${secret}`, "--realm=coturn.example"];
  // With TCP and behaviour discovery it would open ports that nobody has looked at, and wait while one of them is taken.
  const without = ["-n", "--no-cli", "--no-tcp", "--no-tls", "--no-dtls", "--no-rfc5780"];
  const args = [...without, ...where, ...range, ...users, ...files, "--allow-loopback-peers"];
  const { pid, end } = startProgram("turnserver", args);
  try {
    return await work({ port, pid });
  } finally {
    end();
    await rm(folder, { recursive: true, force: true });
  }
}
