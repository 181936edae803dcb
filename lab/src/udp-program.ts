/**
 * A UDP program of few words, independent of the product: the lab proves its NATs with it. It takes JSON lines
 * ({"open": address, "echo": boolean}, {"send": text, "from": address, "to": address}) and prints what it opened and received.
 */
import { createSocket, type Socket } from "node:dgram";
import { createInterface } from "node:readline";

const sockets = new Map<string, Socket>();

for await (const line of createInterface({ input: process.stdin })) {
  const message: Record<string, unknown> = JSON.parse(line);
  const { open, echo, send, from, to } = message;
  if (typeof open === "string") openSocket(open, echo === true);
  else sendText(String(send), String(from), String(to));
}
for (const socket of sockets.values()) socket.close();

function openSocket(address: string, echo: boolean): void {
  const [ip, port] = splitAddress(address);
  const socket = ip.includes(":") ? createSocket({ type: "udp6", ipv6Only: true }) : createSocket("udp4");
  socket.bind(port, ip, () => {
    const local = addressText(ip, socket.address().port);
    sockets.set(local, socket);
    print({ event: "opened", local });
    socket.on("message", (bytes, remote) => {
      print({ event: "received", local, remote: addressText(remote.address, remote.port), text: bytes.toString() });
      if (echo) socket.send(bytes, remote.port, remote.address);
    });
  });
}

function sendText(text: string, from: string, to: string): void {
  const [ip, port] = splitAddress(to);
  sockets.get(from)?.send(text, port, ip);
}

function splitAddress(address: string): [string, number] {
  const colon = address.lastIndexOf(":");
  return [address.slice(0, colon).replace(/^\[|\]$/g, ""), Number(address.slice(colon + 1))];
}

function addressText(ip: string, port: number): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
