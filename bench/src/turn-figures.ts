/** What TURN allocations cost the server. */
import { join } from "node:path";
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
const relayPorts = ["--relay-ports", "10000-32000"];

/** With a server of their own, since each of the 10,000 takes a socket. 1,000 us are 1,000 a second on one core. */
export async function turnFigures(folder: string): Promise<Figure[]> {
  const served = await startServer(join(folder, "turn"), relayPorts);
  const clients: LoadTurn[] = [];
  for (let i = 0; i < count; i++)
    clients.push(new LoadTurn(await openSocket(served.port), served.mintTurn(`user-${Math.floor(i / perUser)}`)));
  const { residentMb: before } = await memoryOf(served.pid);
  const micros = await cpuMicrosEach(served.pid, allocating(clients));
  const { residentMb: after } = await memoryOf(served.pid);
  for (const client of clients) client.close();
  await served.program.stop();
  return [
    { name: "TURN: CPU time of an Allocate with its 401 round", value: micros, unit: "us", atMost: 100 },
    { name: "TURN: memory of 10,000 allocations", value: after - before, unit: "MB", atMost: 60 },
  ];
}

function allocating(clients: readonly LoadTurn[]): Load {
  const load = new Load(clients.length, underWay, (index) => {
    const client = clients[index];
    if (client === undefined) return;
    client.onAllocated = () => load.answered();
    client.allocate();
  });
  return load;
}
