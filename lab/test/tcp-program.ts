/**
 * A TCP program of few words, independent of the product: the lab proves with it that its internet carries TCP.
 *
 *     tcp-program.js listen IP PORT                sends everything back
 *     tcp-program.js send IP PORT LENGTH_BYTES     sends random bytes, and says whether the same came back
 */
import { randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";

const [role, host = "", port = "", lengthBytes = ""] = process.argv.slice(2);
if (role === "listen") listen();
else await send(randomBytes(Number(lengthBytes)));

function listen(): void {
  const server = createServer((socket) => {
    print({ event: "accepted", remoteIp: socket.remoteAddress });
    socket.pipe(socket);
  });
  server.listen(Number(port), host, () => print({ event: "listening" }));
}

async function send(bytes: Buffer): Promise<void> {
  const socket = connect(Number(port), host);
  socket.end(bytes);
  const echo: Buffer[] = [];
  for await (const piece of socket) echo.push(piece);
  print({ event: "echoed", isSame: Buffer.concat(echo).equals(bytes) });
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
