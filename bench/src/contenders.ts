/** The servers that are measured side by side, each for itself, on one core. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withCoturn } from "@fractal-punch/interop";
import { mintTurnTicket } from "@fractal-punch/server";
import { answering } from "./answering.ts";
import { giveCore } from "./cores.ts";
import type { Credentials } from "./load/spec.ts";
import { RunningProgram } from "./running-program.ts";
import { type Served, startServer } from "./served.ts";

/** Below those that the system gives to clients. */
const relayPorts = { first: 10_000, last: 32_000 };
const yearSeconds = 31_536_000;

interface Contender {
  readonly pid: number;
  readonly port: number;
}

interface TurnContender extends Contender {
  readonly credentials: Credentials;
}

export interface Contenders {
  readonly ours: TurnContender & { readonly served: Served };
  /** Absent where it is not installed. */
  readonly coturn: TurnContender | undefined;
  readonly echo: Contender;
  readonly forwarder: Contender;
}

export async function withContenders<T>(folder: string, work: (contenders: Contenders) => Promise<T>): Promise<T> {
  const secret = "bench";
  const programs: RunningProgram[] = [];
  const start = async (name: string): Promise<Contender> => {
    const program = new RunningProgram([fileURLToPath(new URL(`bare/${name}.js`, import.meta.url))], {});
    programs.push(program);
    const { port } = await program.event("listening");
    giveCore(program.pid, "server");
    return { pid: program.pid, port: Number(port) };
  };
  const range = `${relayPorts.first}-${relayPorts.last}`;
  const served = await startServer(join(folder, "side"), ["--relay-ports", range, "--relay-allow", "127.0.0.0/8"]);
  programs.push(served.program);
  try {
    giveCore(served.pid, "server");
    return await withCoturn({ secret, relayPorts }, async ({ pid, port }) => {
      const isThere = pid !== undefined;
      if (isThere) await answering(port);
      if (isThere) giveCore(pid, "server");
      const credentials = mintTurnTicket(secret, "load", Math.floor(Date.now() / 1000) + yearSeconds);
      return await work({
        ours: { pid: served.pid, port: served.port, credentials: served.mintTurn("load"), served },
        coturn: isThere ? { pid, port, credentials } : undefined,
        echo: await start("echo"),
        forwarder: await start("forwarder"),
      });
    });
  } finally {
    for (const program of programs) await program.stop();
  }
}
