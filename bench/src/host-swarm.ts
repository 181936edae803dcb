/** Many hosts at one server, each with a key and a 5-tuple of its own. */
import { type Address, addressFromIpText, type PeerPrimitives } from "@fractal-punch/machine";
import { Load } from "./load.ts";
import { LoadHost } from "./load-host.ts";
import { openSocket } from "./load-socket.ts";
import type { Served } from "./served.ts";

/** The server takes 200 requests under one ticket at once, and 100 a second from then on. */
const hostsPerTicket = 200;
const underWay = 32;

/** Hosts that are not registered yet. */
export async function openSwarm(served: Served, primitives: PeerPrimitives, count: number): Promise<LoadHost[]> {
  const hosts: LoadHost[] = [];
  const server = loopbackAddress(served.port);
  let ticket = served.mint("swarm-0");
  for (let i = 0; i < count; i++) {
    if (i % hostsPerTicket === 0) ticket = served.mint(`swarm-${i / hostsPerTicket}`);
    hosts.push(new LoadHost(primitives, await openSocket(served.port), server, ticket));
  }
  return hosts;
}

/** Registers all of them, for the first time. */
export function registering(hosts: readonly LoadHost[]): Load {
  return loadOf(hosts, (host) => host.register());
}

export function refreshing(hosts: readonly LoadHost[]): Load {
  return loadOf(hosts, (host) => host.refresh());
}

function loadOf(hosts: readonly LoadHost[], ask: (host: LoadHost) => void): Load {
  const load = new Load(hosts.length, underWay, (index) => {
    const host = hosts[index];
    if (host === undefined) return;
    host.onRegistered = () => load.answered();
    ask(host);
  });
  return load;
}

function loopbackAddress(port: number): Address {
  const address = addressFromIpText("127.0.0.1", port);
  if (address === undefined) throw new Error("127.0.0.1 is an address");
  return address;
}
