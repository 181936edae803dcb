/**
 * A program of generation 2 that uses TCP. A cloud computer posts the port that it is known by, and waits on that
 * connection for a client; when it has waited long enough it closes it and posts again, from the same local port. A
 * client sends the server an empty datagram, and asks. Then both close their connections to the server and connect to
 * each other, from the local ports that they had, and send each other a line.
 *
 *     generation-2-tcp.js SERVER LOCAL post PUBLIC_PORT POSTS WAIT_MS [listen]
 *     generation-2-tcp.js SERVER LOCAL ask IP PUBLIC_PORT
 *
 * With "listen" the cloud computer waits to be connected to, for networks on which a simultaneous open is a matter of
 * luck: a SYN that comes to a port which does not connect at that moment is refused there. Ends with 0 when the other's
 * line has come, with 1 when something fails, takes too long or is wrong, with 3 when no client came to any of its
 * posts, or the cloud computer that is asked for is not known.
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { ipBytes, ipIn, limitTime, print, split, stop } from "./program.ts";

const askInfo = 0;
const postInfo = 1;
const answerBytes = 8;
const retryMs = 20;

const [server = "", local = "", role, ...others] = process.argv.slice(2);
const [serverIp, serverPort] = split(server);
const [localIp, wantedPort] = split(local);
let localPort = wantedPort;

limitTime();
if (role === "post") await post(Number(others[0]), Number(others[1]), Number(others[2]), others[3] === "listen");
else await ask(others[0] ?? "", Number(others[1]));

async function post(publicPort: number, posts: number, waitMs: number, listens: boolean): Promise<void> {
  for (let made = 0; made < posts; made++) {
    const notice = await request("posted", postInfo, "0.0.0.0", publicPort, waitMs);
    if (notice === undefined) continue;
    print("notice", { hex: notice.toString("hex") });
    await exchangeLines(listens ? await accepted() : await connected(ipIn(notice), notice.readUInt16BE(4)));
    return;
  }
  stop("no-client", 3);
}

async function ask(ip: string, publicPort: number): Promise<void> {
  const udp = createSocket("udp4");
  udp.send("", serverPort, serverIp, () => udp.close());
  await once(udp, "close");
  const answer = await request("asked", askInfo, ip, publicPort, Infinity);
  if (answer === undefined) stop("no-answer", 1);
  print("answer", { hex: answer.toString("hex") });
  const privatePort = answer.readUInt16BE(4);
  if (ipIn(answer) !== ip || answer.readUInt16BE(6) !== publicPort) stop("wrong-answer", 1);
  else if (privatePort === 0) stop("not-known", 3);
  else await exchangeLines(await connected(ip, privatePort));
}

/** Sends a request on a connection of its own, and closes it when 8 bytes have come or the time is over: `undefined`. */
async function request(
  event: string,
  type: number,
  ip: string,
  publicPort: number,
  waitMs: number,
): Promise<Buffer | undefined> {
  const socket = connect({ host: serverIp, port: serverPort, localAddress: localIp, localPort });
  socket.on("error", ({ message }) => stop("failed", 1, message));
  socket.on("end", () => print("closed-by-server"));
  const pieces: Buffer[] = [];
  socket.on("data", (piece) => {
    pieces.push(piece);
    if (Buffer.concat(pieces).length >= answerBytes) socket.destroy();
  });
  socket.once("connect", () => {
    localPort = socket.localPort ?? 0;
    socket.write(requestBytes(type, ip, publicPort), () => print(event, { port: localPort }));
  });
  const timer = waitMs === Infinity ? undefined : setTimeout(() => giveUp(socket), waitMs);
  await once(socket, "close");
  clearTimeout(timer);
  const bytes = Buffer.concat(pieces);
  return bytes.length === answerBytes ? bytes : undefined;
}

/** A reset leaves nothing in TIME_WAIT, in which the same ports could not be connected again for a minute. */
function giveUp(socket: Socket): void {
  print("timed-out");
  socket.resetAndDestroy();
}

/** The type as x86 has it in memory, an address, the private and the public port. */
function requestBytes(type: number, ip: string, publicPort: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32LE(type);
  bytes.set(ipBytes(ip), 4);
  bytes.writeUInt16BE(publicPort, 10);
  return bytes;
}

/** A connection to the other program, tried again whenever it fails. */
async function connected(ip: string, port: number): Promise<Socket> {
  for (;;) {
    const socket = connect({ host: ip, port, localAddress: localIp, localPort });
    const isConnected = await new Promise((settle) => {
      socket.once("connect", () => settle(true));
      socket.once("error", () => setTimeout(() => settle(false), retryMs));
    });
    if (isConnected) return socket;
  }
}

async function accepted(): Promise<Socket> {
  const listener = createServer().listen(localPort, localIp);
  return await new Promise((settle) => {
    listener.once("connection", (socket) => {
      listener.close();
      settle(socket);
    });
  });
}

async function exchangeLines(socket: Socket): Promise<void> {
  const from = `${socket.remoteAddress}:${socket.remotePort}`;
  socket.end("hello\n");
  let text = "";
  for await (const piece of socket) text += String(piece);
  print("received", { from, text });
}
