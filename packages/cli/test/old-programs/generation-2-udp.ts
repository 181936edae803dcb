/**
 * A program of generation 2 that uses UDP. A cloud computer posts the port that it is known by, again and again, until
 * it is told of a client; a client asks for a cloud computer. Then both send each other datagrams.
 *
 *     generation-2-udp.js SERVER LOCAL post PUBLIC_PORT
 *     generation-2-udp.js SERVER LOCAL ask IP PUBLIC_PORT
 *
 * Ends with 0 when each end knows that the other hears it, with 1 when that takes too long or an answer is wrong, with
 * 3 when the cloud computer that is asked for is not known.
 */
import { createSocket } from "node:dgram";
import { ipBytes, ipIn, isFrom, limitTime, print, split, stop } from "./program.ts";
import { talk } from "./talk.ts";

const askInfo = 0;
const postInfo = 1;
const postIntervalMs = 500;

const [server = "", local = "", role, ...others] = process.argv.slice(2);
const [serverIp, serverPort] = split(server);
const [localIp, localPort] = split(local);
const socket = createSocket("udp4");

limitTime();
socket.bind(localPort, localIp, () =>
  role === "post" ? post(Number(others[0])) : ask(others[0] ?? "", Number(others[1])),
);

function post(publicPort: number): void {
  const send = (): void => request(postInfo, "0.0.0.0", publicPort, "posted");
  const timer = setInterval(send, postIntervalMs);
  socket.on("message", (notice, from) => {
    if (!isFrom(server, from)) return;
    clearInterval(timer);
    print("notice", { hex: notice.toString("hex") });
    talk(socket, `${ipIn(notice)}:${notice.readUInt16BE(4)}`);
  });
  send();
}

function ask(ip: string, publicPort: number): void {
  socket.on("message", (answer, from) => {
    if (!isFrom(server, from)) return;
    print("answer", { hex: answer.toString("hex") });
    const privatePort = answer.readUInt16BE(4);
    if (answer.length !== 8 || ipIn(answer) !== ip || answer.readUInt16BE(6) !== publicPort) stop("wrong-answer", 1);
    else if (privatePort === 0) stop("not-known", 3);
    else talk(socket, `${ip}:${privatePort}`);
  });
  request(askInfo, ip, publicPort, "asked");
}

/** 12 bytes: the type as x86 has it in memory, an address, the private and the public port. */
function request(type: number, ip: string, publicPort: number, event: string): void {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32LE(type);
  bytes.set(ipBytes(ip), 4);
  bytes.writeUInt16BE(publicPort, 10);
  socket.send(bytes, serverPort, serverIp, () => print(event, { port: socket.address().port }));
}
