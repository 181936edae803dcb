/** A session over a direct path between two machines in memory; a server has introduced them to each other. */
import { type Address, addressFromText, type PeerPrimitives } from "@fractal-punch/machine";
import { Client, Host, type HostCommand, type PeerCommand, type PeerEvent } from "@fractal-punch/peer/core";
import { Server } from "@fractal-punch/server/core";
import { nodePrimitives, systemRandom } from "@fractal-punch/udp/primitives";
import { clientUsername, hostIdText, hostUsername, type Ticket, ticketPassword } from "@fractal-punch/wire";
import { MemoryNet, type Station } from "./memory-net.ts";

const expirySeconds = 1_900_000_000;
const secret = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const earlyData = false;
/** What there is to do when a session begins has been done by then. */
const settledMs = 3_000;

export interface MemorySession {
  readonly net: MemoryNet;
  readonly host: Station<HostCommand, PeerEvent>;
  readonly client: Station<PeerCommand, PeerEvent>;
}

export function openMemorySession(primitives: PeerPrimitives): MemorySession {
  const net = new MemoryNet();
  const ports = [48_800, 3_478].map((port) => ({ family: 4 as const, port, main: port === 48_800 }));
  const served = { primitives: nodePrimitives, random: systemRandom, secret, ports } as const;
  const server = net.add(at("192.0.2.1:0"), new Server({ ...served, classic: false, access: "tickets" }));
  const keyPair = newKeyPair(primitives);
  const ticket = newTicket(secret, hostUsername(expirySeconds, "bench"));
  const invite = { id: new Uint8Array(8).fill(1), secret: new Uint8Array(32).fill(2) };
  const tls = { port: 443, name: "punch.example.com" };
  const can = { dontFragment: true };
  const common = { primitives, random: systemRandom, can, servers: [at("192.0.2.1:48800")], secondPort: 3_478, tls };
  const host = net.add(at("198.51.100.7:0"), new Host({ ...common, keyPair, ticket, earlyData, invites: [invite] }));
  const username = clientUsername(expirySeconds, hostIdText(keyPair.publicKey), ticket.username);
  const client = net.add(
    at("203.0.113.9:0"),
    new Client({
      ...common,
      keyPair: newKeyPair(primitives),
      invite: { ...invite, hostKey: keyPair.publicKey },
      ticket: newTicket(ticket.password, username),
    }),
  );
  for (const station of [server, host, client]) {
    station.command({ type: "start" });
    net.pass(settledMs);
  }
  const path = client.events.findLast((event) => event.type === "path")?.path;
  if (path?.kind !== "direct") throw new Error("the session in memory is not direct");
  return { net, host, client };
}

function at(text: string): Address {
  const address = addressFromText(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

function newKeyPair(primitives: PeerPrimitives): { readonly secretKey: Uint8Array; readonly publicKey: Uint8Array } {
  const secretKey = new Uint8Array(32);
  systemRandom.fill(secretKey);
  return { secretKey, publicKey: primitives.publicKey(secretKey) };
}

function newTicket(key: string, username: string): Ticket {
  return { username, password: ticketPassword(nodePrimitives, key, username) };
}
