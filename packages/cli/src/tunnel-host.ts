/** The host's end of a tunnel: each flow of a session has a UDP socket of its own towards the service. */
import type { Socket } from "node:dgram";
import type { Connection } from "@fractal-punch/peer";
import { FlowTable } from "./flow-table.ts";
import { isPing } from "./pieces.ts";
import { sendUnlessClosed, TunnelEnd } from "./tunnel-end.ts";
import { type UdpAddress, udpAddressText } from "./udp-address.ts";
import { sendLent, udpSocket } from "./udp-socket.ts";
import type { Warn } from "./warnings.ts";

const sweepMs = 10_000;
/** Over all sessions of a host; well below the number of files that a process may usually open. */
const maxSockets = 1024;
/** Datagrams that wait for a socket to be there. */
const maxUnsent = 64;

/** The service that a host offers, and the sockets open towards it. */
export interface Service {
  readonly address: UdpAddress;
  readonly warn: Warn;
  openSockets: number;
}

interface Flow {
  readonly socket: Socket;
  /** Until the socket is connected. */
  unsent: Uint8Array[] | undefined;
}

/** Carries the session's flows to the service and back until the session closes. */
export function serveTunnel(connection: Connection, service: Service): void {
  const end = new TunnelEnd(connection, service.warn);
  const flows = new FlowTable<Flow>(({ socket }) => {
    service.openSockets -= 1;
    socket.close();
  });
  const sweeper = setInterval(() => flows.endIdle(performance.now()), sweepMs).unref();
  connection.lendTo((bytes) => {
    if (isPing(bytes)) sendUnlessClosed(connection, bytes);
    else toService(service, flows, end, bytes);
  });
  connection.on("close", () => {
    clearInterval(sweeper);
    flows.endAll();
  });
}

/** Sends every datagram back until the session closes. */
export function serveEcho(connection: Connection): void {
  connection.lendTo((bytes) => sendUnlessClosed(connection, bytes));
}

function toService(service: Service, flows: FlowTable<Flow>, end: TunnelEnd, bytes: Uint8Array): void {
  const now = performance.now();
  const datagram = end.join(bytes, now);
  if (datagram === undefined) return;
  const flow = flows.use(datagram.flow, now) ?? openFlow(service, flows, end, datagram.flow);
  if (flow === undefined) return;
  if (flow.unsent === undefined) sendLent(flow.socket, datagram.data);
  else if (flow.unsent.length < maxUnsent) flow.unsent.push(datagram.data.slice());
}

function openFlow(service: Service, flows: FlowTable<Flow>, end: TunnelEnd, number: number): Flow | undefined {
  if (service.openSockets >= maxSockets) flows.endOldest();
  if (service.openSockets >= maxSockets) {
    service.warn("sockets", `More than ${maxSockets} flows at once: new ones of other clients are dropped.`);
    return undefined;
  }
  const { ip, port, family } = service.address;
  const socket = udpSocket(family);
  const flow: Flow = { socket, unsent: [] };
  service.openSockets += 1;
  flows.add(number, flow, performance.now());
  socket.on("error", (error) => service.warn("service", serviceFault(service.address, error)));
  socket.on("message", (data) => {
    flows.use(number, performance.now());
    end.send(number, data);
  });
  socket.on("connect", () => {
    const unsent = flow.unsent ?? [];
    flow.unsent = undefined;
    for (const data of unsent) socket.send(data);
  });
  socket.connect(port, ip);
  return flow;
}

function serviceFault(address: UdpAddress, error: Error): string {
  const at = udpAddressText(address);
  if ("code" in error && error.code === "ECONNREFUSED")
    return `Nothing listens on UDP ${at}. Start the service that this host is to offer.`;
  return `The service at UDP ${at} cannot be reached: ${error.message}`;
}
