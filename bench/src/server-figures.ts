/** What the server holds, and what each kind of datagram costs it. */
import type { PeerPrimitives } from "@fractal-punch/machine";
import { encodeBinding, StunBuilder, writeChannelHeader } from "@fractal-punch/wire";
import type { Figure } from "./figures.ts";
import { openSwarm, refreshing, registering } from "./host-swarm.ts";
import { cpuMicrosEach, Load } from "./load.ts";
import { LoadClient } from "./load-client.ts";
import type { LoadHost } from "./load-host.ts";
import { type LoadSocket, openSocket } from "./load-socket.ts";
import { memoryOf } from "./process-usage.ts";
import { randomOf } from "./randomness.ts";
import type { Served } from "./served.ts";

const swarmSize = 10_000;
const bindings = 50_000;
const introductions = 1_000;
const relayedDatagrams = 50_000;
const relayedBytes = 1_200;
const channelHeaderBytes = 4;
const underWay = 32;

/** Registers 10,000 hosts at a server that was idle before, and loads it in each way that there is. */
export async function serverFigures(served: Served, primitives: PeerPrimitives, idleMb: number): Promise<Figure[]> {
  const { pid } = served;
  const hosts = await openSwarm(served, primitives, swarmSize);
  const registerMicros = await cpuMicrosEach(pid, registering(hosts));
  const refreshMicros = await cpuMicrosEach(pid, refreshing(hosts));
  const { residentMb } = await memoryOf(pid);
  const figures = [
    { name: "server: memory of 10,000 registered hosts", value: residentMb - idleMb, unit: "MB", atMost: 15 },
    micros("registering a host", registerMicros),
    micros("refreshing a registration", refreshMicros),
    micros("a STUN Binding", await bindingMicros(served)),
    micros("an introduction", await introductionMicros(served, primitives, hosts)),
    micros("relaying 1,200 bytes", await relayMicros(served, primitives, hosts)),
  ];
  for (const host of hosts) host.close();
  return figures;
}

function micros(what: string, value: number): Figure {
  return { name: `server: CPU time of ${what}`, value, unit: "us" };
}

async function bindingMicros(served: Served): Promise<number> {
  const socket = await openSocket(served.port);
  const builder = new StunBuilder();
  const id = randomOf(12);
  const load = new Load(bindings, underWay, () => socket.send(encodeBinding(builder, id, false)));
  socket.receiver = () => load.answered();
  const each = await cpuMicrosEach(served.pid, load);
  socket.close();
  return each;
}

/** Each by a client of its own, with a ticket that the server has not seen, to a host of its own. */
async function introductionMicros(
  served: Served,
  primitives: PeerPrimitives,
  hosts: readonly LoadHost[],
): Promise<number> {
  const sockets: LoadSocket[] = [];
  const clients: LoadClient[] = [];
  for (const host of hosts.slice(0, introductions)) {
    const socket = await openSocket(served.port);
    host.onIntroduced = () => load.answered();
    sockets.push(socket);
    clients.push(new LoadClient(primitives, socket, host.mintClientTicket()));
  }
  const load = new Load(clients.length, underWay, (index) => clients[index]?.connect());
  const each = await cpuMicrosEach(served.pid, load);
  for (const socket of sockets) socket.close();
  return each;
}

/** From one client to one host over their channel. */
async function relayMicros(served: Served, primitives: PeerPrimitives, hosts: readonly LoadHost[]): Promise<number> {
  const host = hosts.at(-1);
  if (host === undefined) throw new Error("no host to relay to");
  const socket = await openSocket(served.port);
  const client = new LoadClient(primitives, socket, host.mintClientTicket());
  const datagram = new Uint8Array(relayedBytes);
  const channel = await provenChannel(client, socket);
  writeChannelHeader(datagram, channel, relayedBytes - channelHeaderBytes);
  const load = new Load(relayedDatagrams, underWay, () => socket.send(datagram));
  host.onRelayed = () => load.answered();
  const each = await cpuMicrosEach(served.pid, load);
  socket.close();
  return each;
}

/** The client's channel, once the server holds the client's address for proven. */
function provenChannel(client: LoadClient, socket: LoadSocket): Promise<number> {
  return new Promise((resolve) => {
    socket.receiver = (bytes) => {
      const { channel, nonce, proven } = client.connected(bytes);
      if (proven) resolve(channel);
      else client.prove(nonce);
    };
    client.connect();
  });
}
