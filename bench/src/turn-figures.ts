/** What 10,000 TURN allocations take of the server. */
import { join } from "node:path";
import type { Ticket } from "@fractal-punch/wire";
import type { Figure } from "./figures.ts";
import { cpuMicrosEach, Load } from "./load.ts";
import { openSocket } from "./load-socket.ts";
import { LoadTurn } from "./load-turn.ts";
import { memoryOf } from "./process-usage.ts";
import { startServer } from "./served.ts";

const count = 10_000;
/** The server lets a user have 256. */
const perUser = 200;
const underWay = 32;
/** Below those that the system gives the clients here. */
const relayPorts = { first: 10_000, last: 32_000 };

/** With a server of their own, since each of the 10,000 takes a socket. V8 still compiles while they are made. */
export async function turnFigures(folder: string): Promise<Figure[]> {
  const served = await startServer(join(folder, "turn"), ["--relay-ports", `${relayPorts.first}-${relayPorts.last}`]);
  const clients = await openClients(served.port, (name) => served.mintTurn(name));
  const { residentMb: before } = await memoryOf(served.pid);
  const micros = await allocating(served.pid, clients);
  const { residentMb: after } = await memoryOf(served.pid);
  for (const client of clients) client.close();
  await served.program.stop();
  return [
    { name: "TURN: CPU time of an Allocate with its 401, of a server just started", value: micros, unit: "us" },
    { name: "TURN: memory of 10,000 allocations", value: after - before, unit: "MB", atMost: 60 },
  ];
}

async function openClients(port: number, mint: (name: string) => Ticket): Promise<LoadTurn[]> {
  const clients: LoadTurn[] = [];
  for (let i = 0; i < count; i++)
    clients.push(new LoadTurn(await openSocket(port), mint(`user-${Math.floor(i / perUser)}`)));
  return clients;
}

/** Microseconds of CPU for each. */
async function allocating(pid: number, clients: readonly LoadTurn[]): Promise<number> {
  return await cpuMicrosEach(
    pid,
    loadOf(clients, (client) => client.allocate()),
  );
}

function loadOf(clients: readonly LoadTurn[], ask: (client: LoadTurn) => void): Load {
  const load = new Load(clients.length, underWay, (index) => {
    const client = clients[index];
    if (client === undefined) return;
    client.onDone = () => load.answered();
    ask(client);
  });
  return load;
}
