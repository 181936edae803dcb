/** The host's end of a tunnel: each flow of a session has a UDP socket of its own towards the service. */
import { type Address, addressText } from "@fractal-punch/machine";
import type { Connection } from "@fractal-punch/peer";
import { UdpSocket } from "@fractal-punch/udp";
import { FlowTable } from "./flow-table.ts";
import { isPing } from "./pieces.ts";
import { sendOrLose, TunnelEnd } from "./tunnel-end.ts";
import type { Warn } from "./warnings.ts";

const sweepMs = 10_000;
/** Over all sessions of a host; well below the number of files that a process may usually open. */
const maxSockets = 1024;

/** The service that a host offers, and the sockets open towards it. */
export interface Service {
  readonly address: Address;
  readonly warn: Warn;
  openSockets: number;
}

/** Carries the session's flows to the service and back until the session closes. */
export function serveTunnel(connection: Connection, service: Service): void {
  const end = new TunnelEnd(connection, service.warn);
  const flows = new FlowTable<UdpSocket>((socket) => {
    service.openSockets -= 1;
    socket.close();
  });
  const sweeper = setInterval(() => flows.endIdle(performance.now()), sweepMs).unref();
  connection.lendTo((bytes) => {
    if (isPing(bytes)) sendOrLose(connection, bytes);
    else toService(service, flows, end, bytes);
  });
  connection.on("close", () => {
    clearInterval(sweeper);
    flows.endAll();
  });
}

/** Sends every datagram back until the session closes. */
export function serveEcho(connection: Connection): void {
  connection.lendTo((bytes) => sendOrLose(connection, bytes));
}

function toService(service: Service, flows: FlowTable<UdpSocket>, end: TunnelEnd, bytes: Uint8Array): void {
  const now = performance.now();
  const datagram = end.join(bytes, now);
  if (datagram === undefined) return;
  const socket = flows.use(datagram.flow, now) ?? openFlow(service, flows, end, datagram.flow);
  socket?.send(service.address, datagram.data);
}

function openFlow(
  service: Service,
  flows: FlowTable<UdpSocket>,
  end: TunnelEnd,
  number: number,
): UdpSocket | undefined {
  if (service.openSockets >= maxSockets) flows.endOldest();
  if (service.openSockets >= maxSockets) {
    service.warn("sockets", `More than ${maxSockets} flows at once: new ones of other clients are dropped.`);
    return undefined;
  }
  const { address } = service;
  const tellFault = (code: string): void => service.warn("service", serviceFault(address, code));
  const socket = UdpSocket.open({
    request: { family: address.family, port: 0, lean: true },
    onDatagram: (_from, data) => {
      flows.use(number, performance.now());
      end.send(number, data);
    },
    onFault: tellFault,
  });
  if (typeof socket === "string") {
    tellFault(socket);
    return undefined;
  }
  socket.connect(address);
  service.openSockets += 1;
  flows.add(number, socket, performance.now());
  return socket;
}

function serviceFault(address: Address, code: string): string {
  const at = addressText(address);
  if (code === "ECONNREFUSED") return `Nothing listens on UDP ${at}. Start the service that this host is to offer.`;
  return `The service at UDP ${at} cannot be reached: the system says ${code}.`;
}
