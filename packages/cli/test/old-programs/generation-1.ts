/**
 * A program of generation 1: it sends a request of text over UDP, learns the other end's address from the 8 bytes that
 * come back, and both send each other datagrams.
 *
 *     generation-1.js SERVER LOCAL REQUEST     for example 127.0.0.1:48800 127.0.0.2:0 127.0.0.3C
 *
 * Ends with 0 when each end knows that the other hears it, with 1 when that takes too long.
 */
import { createSocket, type RemoteInfo } from "node:dgram";
import { ipIn, isFrom, limitTime, print, split } from "./program.ts";
import { talk } from "./talk.ts";

const [server = "", local = "", request = ""] = process.argv.slice(2);
const [serverIp, serverPort] = split(server);
const [localIp, localPort] = split(local);
const socket = createSocket("udp4");

limitTime();
socket.on("message", receive);
socket.bind(localPort, localIp, () =>
  socket.send(request, serverPort, serverIp, () => print("requested", { port: socket.address().port })),
);

/** The C structure { int host; short port; }: an address, a port, and 2 bytes that mean nothing. */
function receive(bytes: Buffer, from: RemoteInfo): void {
  if (!isFrom(server, from)) return;
  print("answer", { hex: bytes.toString("hex") });
  talk(socket, `${ipIn(bytes)}:${bytes.readUInt16BE(4)}`);
}
