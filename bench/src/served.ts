/** The server that is measured: the command with a state folder of its own, on loopback. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { mintHostTicket, mintTurnTicket, readSecret } from "@fractal-punch/server";
import { type Ticket, ticketText } from "@fractal-punch/wire";
import { type RunningProgram, startCommand } from "./running-program.ts";

const yearSeconds = 31_536_000;

export class Served {
  readonly program: RunningProgram;
  readonly port: number;
  readonly #folder: string;
  readonly #secret: string;

  constructor(program: RunningProgram, port: number, folder: string, secret: string) {
    this.program = program;
    this.port = port;
    this.#folder = folder;
    this.#secret = secret;
  }

  get pid(): number {
    return this.program.pid;
  }

  /** As --server takes it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  mint(name: string): Ticket {
    return mintHostTicket(this.#secret, name, Math.floor(Date.now() / 1000) + yearSeconds);
  }

  mintTurn(name: string): Ticket {
    return mintTurnTicket(this.#secret, name, Math.floor(Date.now() / 1000) + yearSeconds);
  }

  /** `fractal-punch host --echo`, once it is registered, and its invite. */
  async startHost(): Promise<{ host: RunningProgram; invite: string }> {
    const args = [
      "host",
      "--echo",
      "--early",
      "--json",
      "--server",
      this.address,
      "--ticket",
      ticketText(this.mint("echo")),
    ];
    const host = startCommand(args, { environment: { FRACTAL_PUNCH_FOLDER: join(this.#folder, "host") } });
    const { invite } = await host.event("registered");
    return { host, invite: String(invite) };
  }
}

/** `folder`: where state, keys and invites go. `more`: further options of `serve`. */
export async function startServer(
  folder: string,
  more: readonly string[] = [],
  nodeOptions: readonly string[] = [],
): Promise<Served> {
  const state = join(folder, "state");
  await mkdir(folder, { recursive: true });
  const loopback = ["--listen", "127.0.0.1", "--public", "127.0.0.1", "--port", "0", "--port2", "0", "--tls-port", "0"];
  const program = startCommand(["serve", "--json", ...loopback, "--state", state, ...more], {
    nodeOptions,
    logPath: join(folder, "server.log"),
  });
  const { port } = await program.event("listening");
  return new Served(program, Number(port), folder, await readSecret(state));
}
